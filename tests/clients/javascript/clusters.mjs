// Clusters and their secrets through the AWS SDK for JavaScript, version 3, with its own waiters.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as sdk from "@aws-sdk/client-rds";
import { BadRequestException, BatchExecuteStatementCommand, DatabaseResumingException, ExecuteStatementCommand, HttpEndpointNotEnabledException,
  RDSDataClient } from "@aws-sdk/client-rds-data";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { engine, options, postgresql } from "./here.mjs";

const rds = new sdk.RDS(options);
const data = new RDSDataClient(options);
const secrets = new SecretsManagerClient(options);
const Engine = postgresql ? "aurora-postgresql" : "aurora-mysql";
const id = `javascript-${engine}`, one = { DBClusterIdentifier: id };
const serverless = `javascript-v1-${engine}`, other = { DBClusterIdentifier: serverless };
const waiting = { client: rds, maxWaitTime: 100, minDelay: 1, maxDelay: 2 };
const describe = async (of = one) => (await rds.describeDBClusters(of)).DBClusters[0];
const run = (of, sql) => data.send(new ExecuteStatementCommand({ resourceArn: of.DBClusterArn, secretArn: of.MasterUserSecret.SecretArn, sql }));

after(async () => {
  await rds.deleteDBInstance({ DBInstanceIdentifier: `${id}-writer` }).catch(() => {});
  for (const of of [one, other]) await rds.deleteDBCluster({ ...of, SkipFinalSnapshot: true }).catch(() => {});
});

test("a cluster with its writer is created, and waited for", async () => {
  const { DBCluster: made } = await rds.createDBCluster({ ...one, Engine, DatabaseName: "shop", MasterUsername: "boss", ManageMasterUserPassword: true,
    ServerlessV2ScalingConfiguration: { MinCapacity: 0.5, MaxCapacity: 4 }, Tags: [{ Key: "team", Value: "a & <b>" }] });
  assert.equal(made.Status, "creating");
  await rds.createDBInstance({ DBInstanceIdentifier: `${id}-writer`, ...one, Engine, DBInstanceClass: "db.serverless" });
  const waited = await sdk.waitUntilDBClusterAvailable(waiting, one);
  assert.equal(waited.state, "SUCCESS");
  assert.equal((await sdk.waitUntilDBInstanceAvailable(waiting, { DBInstanceIdentifier: `${id}-writer` })).state, "SUCCESS");
});

test("its description has the model's types", async () => {
  const about = await describe();
  assert.ok(about.ClusterCreateTime instanceof Date && Math.abs(about.ClusterCreateTime - Date.now()) < 600_000);
  assert.deepEqual(about.ServerlessV2ScalingConfiguration, { MinCapacity: 0.5, MaxCapacity: 4 });
  assert.deepEqual([about.HttpEndpointEnabled, about.DeletionProtection, about.MultiAZ, about.AllocatedStorage], [false, false, false, 1]);
  assert.deepEqual(about.DBClusterMembers.map((m) => [m.DBInstanceIdentifier, m.IsClusterWriter]), [[`${id}-writer`, true]]);
  assert.deepEqual(about.TagList, [{ Key: "team", Value: "a & <b>" }]);
  assert.equal(about.ScalingConfigurationInfo ?? about.Capacity, undefined);
  assert.match(about.DbClusterResourceId, /^cluster-[A-Z0-9]{26}$/);
});

test("its endpoint is enabled, and its managed secret opens it", async () => {
  const about = await describe();
  await assert.rejects(run(about, "SELECT 1"), HttpEndpointNotEnabledException);
  assert.deepEqual((await rds.enableHttpEndpoint({ ResourceArn: about.DBClusterArn })).HttpEndpointEnabled, true);
  assert.equal((await describe()).HttpEndpointEnabled, true);
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: about.MasterUserSecret.SecretArn }));
  assert.equal(JSON.parse(SecretString).username, "boss");
  assert.deepEqual((await run(about, "SELECT 7")).records, [[{ longValue: 7 }]]);
});

test("it is stopped and started", async () => {
  assert.equal((await rds.stopDBCluster(one)).DBCluster.Status, "stopping");
  while ((await describe()).Status !== "stopped") await sleep(300);
  await assert.rejects(rds.stopDBCluster(one), sdk.InvalidDBClusterStateFault);
  assert.equal((await rds.startDBCluster(one)).DBCluster.Status, "starting");
  assert.equal((await sdk.waitUntilDBClusterAvailable(waiting, one)).state, "SUCCESS");
});

test("every error is an instance of its class", async () => {
  const about = await describe();
  const nowhere = about.DBClusterArn + "-nowhere";
  const create = { Engine, MasterUsername: "boss", MasterUserPassword: "long enough" };
  for (const [call, kind, status] of [
    [() => rds.describeDBClusters({ DBClusterIdentifier: "nowhere" }), sdk.DBClusterNotFoundFault, 404],
    [() => rds.createDBCluster({ ...create, MasterUserPassword: "long-enough", ...one }), sdk.DBClusterAlreadyExistsFault, 400],
    [() => rds.startDBCluster(one), sdk.InvalidDBClusterStateFault, 400],
    [() => rds.modifyCurrentDBClusterCapacity({ ...one, Capacity: 2 }), sdk.InvalidDBClusterStateFault, 400],
    [() => rds.enableHttpEndpoint({ ResourceArn: nowhere }), sdk.ResourceNotFoundFault, 404],
    [() => rds.createDBInstance({ DBInstanceIdentifier: `${id}-writer`, ...one, Engine, DBInstanceClass: "db.serverless" }), sdk.DBInstanceAlreadyExistsFault, 400],
    [() => rds.describeDBInstances({ DBInstanceIdentifier: "nowhere" }), sdk.DBInstanceNotFoundFault, 404],
    [() => rds.describeDBClusterSnapshots({ DBClusterSnapshotIdentifier: "nowhere" }), sdk.DBClusterSnapshotNotFoundFault, 404],
    [() => rds.deleteDBCluster({ ...one, SkipFinalSnapshot: true }), sdk.InvalidDBClusterStateFault, 400],
    [() => rds.deleteDBCluster(one), "InvalidParameterCombination", 400],
    [() => rds.describeDBClusters({ MaxRecords: 1 }), "InvalidParameterValue", 400],
    [() => rds.describeDBProxies({}), "InvalidAction", 400],
  ]) {
    await assert.rejects(call(), (e) => {
      const what = `${e.name}: ${e.message}`;
      if (typeof kind === "string") assert.equal(e.name, kind, what);
      else assert.ok(e instanceof kind, what);
      assert.equal(e.$metadata.httpStatusCode, status, what);
      assert.match(e.$metadata.requestId, /^[0-9a-f-]{36}$/);
      return e.message.length > 0;
    });
  }
});

test("a final snapshot is waited for, and restored", async () => {
  await run(await describe(), "CREATE TABLE kept (id INT)");
  await rds.deleteDBInstance({ DBInstanceIdentifier: `${id}-writer` });
  assert.equal((await sdk.waitUntilDBInstanceDeleted(waiting, { DBInstanceIdentifier: `${id}-writer` })).state, "SUCCESS");
  assert.equal((await rds.deleteDBCluster({ ...one, FinalDBSnapshotIdentifier: `${id}-last` })).DBCluster.Status, "deleting");
  assert.equal((await sdk.waitUntilDBClusterDeleted(waiting, one)).state, "SUCCESS");
  const snapshot = { DBClusterSnapshotIdentifier: `${id}-last` };
  assert.equal((await sdk.waitUntilDBClusterSnapshotAvailable(waiting, snapshot)).state, "SUCCESS");
  await rds.restoreDBClusterFromSnapshot({ ...one, Engine, SnapshotIdentifier: `${id}-last` });
  assert.equal((await sdk.waitUntilDBClusterAvailable(waiting, one)).state, "SUCCESS");
  await rds.deleteDBClusterSnapshot(snapshot);
  await rds.deleteDBCluster({ ...one, SkipFinalSnapshot: true });
  assert.equal((await sdk.waitUntilDBClusterDeleted(waiting, one)).state, "SUCCESS");
});

// The delays of data-api-client 2 in tenths, and what it goes by.
async function untilResumed(call) {
  for (const delay of [0, 200, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000]) {
    await sleep(delay);
    try {
      return await call();
    } catch (e) {
      const resumes = e instanceof DatabaseResumingException || e.message.includes("is resuming after being auto-paused");
      if (!resumes && !(e instanceof BadRequestException && e.message.startsWith("Communications link failure"))) throw e;
    }
  }
  assert.fail("it never resumed");
}

test("a retry loop gets through a resume of Serverless v1, held or refused", async () => {
  await rds.createDBCluster({ ...other, Engine, EngineMode: "serverless", DatabaseName: "shop", MasterUsername: "boss", ManageMasterUserPassword: true, EnableHttpEndpoint: true,
    ScalingConfiguration: { MinCapacity: 2, MaxCapacity: 8, AutoPause: true, SecondsUntilAutoPause: 1 } });
  await sdk.waitUntilDBClusterAvailable(waiting, other);
  const about = await describe(other);
  await untilResumed(() => run(about, "CREATE TABLE n (id INT)"));
  let rows = 0;
  for (const style of ["wait", "aws-v1"]) {
    await rds.addTagsToResource({ ResourceName: about.DBClusterArn, Tags: [{ Key: "borealis:resume", Value: style }] });
    while ((await describe(other)).Capacity !== 0) await sleep(300);
    if (style === "aws-v1") await assert.rejects(run(about, "SELECT 1"), (e) => e instanceof BadRequestException && e.message.startsWith("Communications link failure"));
    await untilResumed(() => data.send(new BatchExecuteStatementCommand({ resourceArn: about.DBClusterArn, secretArn: about.MasterUserSecret.SecretArn,
      sql: "INSERT INTO n VALUES (:id)", parameterSets: [[{ name: "id", value: { longValue: rows } }]] })));
    rows += 1;
    assert.deepEqual((await untilResumed(() => run(about, "SELECT COUNT(*) FROM n"))).records, [[{ longValue: rows }]]);
  }
  await assert.rejects(rds.modifyCurrentDBClusterCapacity({ ...other, Capacity: 3 }), sdk.InvalidDBClusterCapacityFault);
});

test("a retry loop gets through a resume of Serverless v2", async () => {
  await rds.createDBCluster({ ...one, Engine, DatabaseName: "shop", MasterUsername: "boss", ManageMasterUserPassword: true, EnableHttpEndpoint: true,
    ServerlessV2ScalingConfiguration: { MinCapacity: 0, MaxCapacity: 2, SecondsUntilAutoPause: 1 } });
  await rds.createDBInstance({ DBInstanceIdentifier: `${id}-writer`, ...one, Engine, DBInstanceClass: "db.serverless" });
  await sdk.waitUntilDBClusterAvailable(waiting, one);
  const about = await describe();
  await untilResumed(() => run(about, "CREATE TABLE n (id INT)"));
  const refused = async () => {
    for (let i = 0; i < 30; ++i) { // nothing but a call shows that it is paused
      await sleep(2000);
      const why = await run(about, "SELECT 1").then(() => null, (e) => e);
      if (why) return why;
    }
    assert.fail("it never paused");
  };
  const why = await refused();
  assert.ok(why instanceof DatabaseResumingException, why);
  assert.match(why.message, /^The Aurora DB instance db-[A-Z0-9]{26} is resuming after being auto-paused\. /);
  assert.deepEqual((await untilResumed(() => run(about, "SELECT COUNT(*) FROM n"))).records, [[{ longValue: 0 }]]);
});
