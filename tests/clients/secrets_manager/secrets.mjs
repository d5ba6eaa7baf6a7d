// The AWS SDK for JavaScript, version 3: Secrets Manager and the Data API over TLS, trusted by NODE_EXTRA_CA_CERTS.
import assert from "node:assert/strict";
import test from "node:test";
import { BatchGetSecretValueCommand, CreateSecretCommand, DeleteSecretCommand, DescribeSecretCommand, GetRandomPasswordCommand, GetSecretValueCommand,
  ListSecretVersionIdsCommand, PutSecretValueCommand, ResourceExistsException, ResourceNotFoundException, RestoreSecretCommand, RotateSecretCommand,
  SecretsManagerClient, TagResourceCommand, UntagResourceCommand, UpdateSecretCommand, UpdateSecretVersionStageCommand, InvalidRequestException,
  paginateListSecrets } from "@aws-sdk/client-secrets-manager";
import { ExecuteStatementCommand, RDSDataClient } from "@aws-sdk/client-rds-data";

const { ENDPOINT: endpoint, RESOURCE_ARN: resourceArn, SECRET_ARN: secretArn } = process.env;
const options = { endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" }, maxAttempts: 1 };
const manager = new SecretsManagerClient(options);
const send = (command) => manager.send(command);

test("the data api over tls", async () => {
  const got = await new RDSDataClient(options).send(new ExecuteStatementCommand({ resourceArn, secretArn, sql: "SELECT 1" }));
  assert.deepEqual(got.records, [[{ longValue: 1 }]]);
});

test("a secret's whole life", async () => {
  const made = await send(new CreateSecretCommand({ Name: "js/app", SecretString: "one", Description: "d", Tags: [{ Key: "k", Value: "v" }] }));
  assert.match(made.ARN, /:secret:js\/app-[A-Za-z0-9]{6}$/);
  await assert.rejects(send(new CreateSecretCommand({ Name: "js/app", SecretString: "two" })), ResourceExistsException);
  const put = await send(new PutSecretValueCommand({ SecretId: made.ARN, SecretBinary: new Uint8Array([0, 255, 7]), VersionStages: ["AWSPENDING"] }));
  const pending = await send(new GetSecretValueCommand({ SecretId: "js/app", VersionStage: "AWSPENDING" }));
  assert.deepEqual([...pending.SecretBinary], [0, 255, 7]);
  await send(new UpdateSecretVersionStageCommand({ SecretId: "js/app", VersionStage: "AWSCURRENT", MoveToVersionId: put.VersionId, RemoveFromVersionId: made.VersionId }));
  const about = await send(new DescribeSecretCommand({ SecretId: "js/app" }));
  assert.deepEqual(about.VersionIdsToStages[put.VersionId].sort(), ["AWSCURRENT", "AWSPENDING"]);
  assert.deepEqual(about.VersionIdsToStages[made.VersionId], ["AWSPREVIOUS"]);
  assert.ok(about.CreatedDate instanceof Date && Math.abs(Date.now() - about.CreatedDate) < 600_000);
  assert.equal((await send(new ListSecretVersionIdsCommand({ SecretId: "js/app" }))).Versions.length, 2);
  await send(new TagResourceCommand({ SecretId: "js/app", Tags: [{ Key: "more", Value: "x" }] }));
  await send(new UntagResourceCommand({ SecretId: "js/app", TagKeys: ["k"] }));
  await send(new UpdateSecretCommand({ SecretId: "js/app", Description: "other", SecretString: "three" }));
  const all = [];
  for await (const page of paginateListSecrets({ client: manager, pageSize: 1 }, { Filters: [{ Key: "tag-key", Values: ["more"] }] })) all.push(...page.SecretList);
  assert.deepEqual(all.map((s) => [s.Name, s.Description, s.Tags]), [["js/app", "other", [{ Key: "more", Value: "x" }]]]);
  const batch = await send(new BatchGetSecretValueCommand({ SecretIdList: ["js/app", "none"] }));
  assert.equal(batch.SecretValues[0].SecretString, "three");
  assert.equal(batch.Errors[0].ErrorCode, "ResourceNotFoundException");
  await assert.rejects(send(new RotateSecretCommand({ SecretId: "js/app" })), InvalidRequestException);
  await send(new DeleteSecretCommand({ SecretId: "js/app", RecoveryWindowInDays: 7 }));
  await assert.rejects(send(new GetSecretValueCommand({ SecretId: "js/app" })), InvalidRequestException);
  await send(new RestoreSecretCommand({ SecretId: "js/app" }));
  await send(new DeleteSecretCommand({ SecretId: "js/app", ForceDeleteWithoutRecovery: true }));
  await assert.rejects(send(new GetSecretValueCommand({ SecretId: "js/app" })), ResourceNotFoundException);
});

test("a random password", async () => {
  assert.match((await send(new GetRandomPasswordCommand({ PasswordLength: 20, ExcludePunctuation: true }))).RandomPassword, /^[A-Za-z0-9]{20}$/);
});
