// The AWS SDK for JavaScript, version 2.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import AWS from "aws-sdk";
import { awkward, endpoint, errors, errorsEndpoint, postgresql, table, target } from "./here.mjs";

const configuration = { region: "us-east-1", accessKeyId: "test", secretAccessKey: "test", maxRetries: 0 };
const client = new AWS.RDSDataService({ ...configuration, endpoint });
const run = (sql, parameters, more = {}) => client.executeStatement({ ...target, sql, parameters, ...more }).promise();
const row = (id, name) => [{ name: "id", value: { longValue: id } }, { name: "name", value: name === null ? { isNull: true } : { stringValue: name } }];
const add = (id, name, more) => run(`INSERT INTO ${table} (id, name) VALUES (:id, :name)`, row(id, name), more);
const count = async () => (await run(`SELECT COUNT(*) FROM ${table}`)).records[0][0].longValue;
const begin = async () => (await client.beginTransaction(target).promise()).transactionId;

await run(`DROP TABLE IF EXISTS ${table}`);
await run(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, name VARCHAR(200), data ${postgresql ? "BYTEA" : "BLOB"}, ratio DOUBLE PRECISION, yes BOOLEAN)`);
beforeEach(() => run(`DELETE FROM ${table}`));

test("values of every kind go and come back", async () => {
  const data = Buffer.from([0, 1, 255, 10, 0]);
  const added = await run(`INSERT INTO ${table} VALUES (:id, :name, :data, :ratio, :yes)`, [
    ...row(7, awkward), { name: "data", value: { blobValue: data } }, { name: "ratio", value: { doubleValue: 0.1 } }, { name: "yes", value: { booleanValue: true } }]);
  assert.deepEqual([added.numberOfRecordsUpdated, added.generatedFields, added.records], [1, [], undefined]);
  const got = await run(`SELECT * FROM ${table}`, undefined, { includeResultMetadata: true });
  assert.deepEqual(got.records, [[{ longValue: 7 }, { stringValue: awkward }, { blobValue: data }, { doubleValue: 0.1 }, { booleanValue: true }]]);
  assert.deepEqual(got.columnMetadata.map((c) => c.label), ["id", "name", "data", "ratio", "yes"]);
  assert.match(got.$response.requestId, /^[0-9a-f-]{36}$/);
});

test("NULL in and out, and an empty blob", async () => {
  await add(1, null);
  await run(`UPDATE ${table} SET data = :d`, [{ name: "d", value: { blobValue: Buffer.alloc(0) } }]);
  const [[name, data, ratio]] = (await run(`SELECT name, data, ratio FROM ${table}`)).records;
  assert.deepEqual([name, ratio], [{ isNull: true }, { isNull: true }]);
  assert.equal(data.blobValue.length, 0);
});

test("records as JSON, decimals and arrays", async () => {
  await add(1, awkward);
  assert.deepEqual(JSON.parse((await run(`SELECT id, name FROM ${table}`, undefined, { formatRecordsAs: "JSON" })).formattedRecords), [{ id: 1, name: awkward }]);
  const got = await run("SELECT CAST(:d AS DECIMAL(30,10))", [{ name: "d", value: { stringValue: "12345678901234567890.0123456789" }, typeHint: "DECIMAL" }]);
  assert.deepEqual(got.records, [[{ stringValue: "12345678901234567890.0123456789" }]]);
  if (postgresql) assert.deepEqual((await run("SELECT ARRAY[1,2], ARRAY['a','b']")).records[0].map((f) => f.arrayValue), [{ longValues: [1, 2] }, { stringValues: ["a", "b"] }]);
});

test("every error has its code", async () => {
  const asked = new AWS.RDSDataService({ ...configuration, endpoint: errorsEndpoint });
  for (const { name, status, operation, sql, ...members } of errors) {
    const { resourceArn, secretArn, transactionId } = members;
    const call = {
      Execute: () => asked.executeStatement({ ...members, sql }),
      BatchExecute: () => asked.batchExecuteStatement({ ...members, sql, parameterSets: [[]] }),
      BeginTransaction: () => asked.beginTransaction({ resourceArn, secretArn }),
      CommitTransaction: () => asked.commitTransaction({ resourceArn, secretArn, transactionId }),
      RollbackTransaction: () => asked.rollbackTransaction({ resourceArn, secretArn, transactionId }),
      ExecuteSql: () => asked.executeSql({ awsSecretStoreArn: secretArn, dbClusterOrInstanceArn: resourceArn, sqlStatements: sql }),
    }[operation];
    await assert.rejects(call().promise(), (e) => {
      assert.deepEqual([e.code, e.statusCode], [name, status], `${operation}: ${e.message}`);
      assert.ok(name === "InternalFailure" || e.message.length > 0);
      assert.match(e.requestId, /^[0-9a-f-]{36}$/);
      return true;
    });
  }
});

test("commit keeps and rollback drops", async () => {
  const kept = await begin();
  await add(1, "kept", { transactionId: kept });
  assert.equal(await count(), 0);
  assert.equal((await client.commitTransaction({ ...target, transactionId: kept }).promise()).transactionStatus, "Transaction Committed");
  const dropped = await begin();
  await add(2, "dropped", { transactionId: dropped });
  assert.equal((await client.rollbackTransaction({ ...target, transactionId: dropped }).promise()).transactionStatus, "Rollback Complete");
  assert.equal(await count(), 1);
  await assert.rejects(add(3, "late", { transactionId: dropped }), { code: "TransactionNotFoundException" });
});

test("a batch of 50 with a duplicate adds nothing, without it all", async () => {
  const sets = Array.from({ length: 50 }, (_, i) => row(i === 36 ? 5 : i, `Employee ${i}`));
  const batch = () => client.batchExecuteStatement({ ...target, sql: `INSERT INTO ${table} (id, name) VALUES (:id, :name)`, parameterSets: sets }).promise();
  await assert.rejects(batch(), (e) => e.code === "DatabaseErrorException" && /duplicate/i.test(e.message));
  assert.equal(await count(), 0);
  sets[36] = row(36, "Employee 36");
  assert.equal((await batch()).updateResults.length, 50);
  assert.equal(await count(), 50);
});

test("100 calls at once, and 8 transactions", async () => {
  await Promise.all(Array.from({ length: 100 }, (_, i) => add(i, `n${i}`)));
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const transactionId = await begin();
    await add(1000 + i, "x", { transactionId });
    await client[i % 2 ? "commitTransaction" : "rollbackTransaction"]({ ...target, transactionId }).promise();
  }));
  assert.equal(await count(), 104);
});
