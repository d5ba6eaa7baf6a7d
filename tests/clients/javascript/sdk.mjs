// The AWS SDK for JavaScript, version 3.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import * as sdk from "@aws-sdk/client-rds-data";
import { awkward, errors, errorsEndpoint, options, postgresql, table, target } from "./here.mjs";

const client = new sdk.RDSDataClient(options);
const run = (sql, parameters, more = {}) => client.send(new sdk.ExecuteStatementCommand({ ...target, sql, parameters, ...more }));
const row = (id, name) => [{ name: "id", value: { longValue: id } }, { name: "name", value: name === null ? { isNull: true } : { stringValue: name } }];
const add = (id, name, more) => run(`INSERT INTO ${table} (id, name) VALUES (:id, :name)`, row(id, name), more);
const count = async () => (await run(`SELECT COUNT(*) FROM ${table}`)).records[0][0].longValue;
const begin = async () => (await client.send(new sdk.BeginTransactionCommand(target))).transactionId;

await run(`DROP TABLE IF EXISTS ${table}`);
await run(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, name VARCHAR(200), data ${postgresql ? "BYTEA" : "BLOB"}, ratio DOUBLE PRECISION, yes BOOLEAN)`);
beforeEach(() => run(`DELETE FROM ${table}`));

test("values of every kind go and come back", async () => {
  const data = new Uint8Array([0, 1, 255, 10, 0]);
  const added = await run(`INSERT INTO ${table} VALUES (:id, :name, :data, :ratio, :yes)`, [
    ...row(7, awkward), { name: "data", value: { blobValue: data } }, { name: "ratio", value: { doubleValue: 0.1 } }, { name: "yes", value: { booleanValue: true } }]);
  assert.equal(added.numberOfRecordsUpdated, 1);
  assert.equal(added.records, undefined);
  const got = await run(`SELECT * FROM ${table}`, undefined, { includeResultMetadata: true });
  const [id, name, bytes, ratio, yes] = got.records[0];
  assert.deepEqual(id, { longValue: 7 });
  assert.deepEqual(name, { stringValue: awkward });
  assert.deepEqual(Buffer.from(bytes.blobValue), Buffer.from(data));
  assert.deepEqual(ratio, { doubleValue: 0.1 });
  assert.deepEqual(yes, { booleanValue: true });
  assert.deepEqual(got.columnMetadata.map((c) => c.label), ["id", "name", "data", "ratio", "yes"]);
});

test("NULL in and out", async () => {
  await add(1, null);
  assert.deepEqual((await run(`SELECT name, data, ratio, yes FROM ${table}`)).records, [Array(4).fill({ isNull: true })]);
});

test("an empty blob and an empty text are not NULL", async () => {
  await run(`INSERT INTO ${table} (id, name, data) VALUES (1, :n, :d)`, [{ name: "n", value: { stringValue: "" } }, { name: "d", value: { blobValue: new Uint8Array() } }]);
  const [[name, data]] = (await run(`SELECT name, data FROM ${table}`)).records;
  assert.deepEqual(name, { stringValue: "" });
  assert.equal(data.blobValue.length, 0);
});

test("integers up to where JavaScript still counts exactly, and past it as text", async () => {
  await add(Number.MAX_SAFE_INTEGER, "most");
  await add(-Number.MAX_SAFE_INTEGER, "least");
  const ids = (await run(`SELECT id FROM ${table} ORDER BY id`)).records.map((r) => r[0].longValue);
  assert.deepEqual(ids, [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
  const big = "9223372036854775807";
  const type = postgresql ? "BIGINT" : "SIGNED";
  await run(`INSERT INTO ${table} (id) VALUES (CAST(:big AS ${type}))`, [{ name: "big", value: { stringValue: big } }]);
  const got = (await run(`SELECT CAST(id AS CHAR(19)) FROM ${table} WHERE id = CAST(:big AS ${type})`, [{ name: "big", value: { stringValue: big } }])).records;
  assert.deepEqual(got, [[{ stringValue: big }]]);
});

test("decimals and times keep their texts", async () => {
  const got = await run("SELECT CAST(:d AS DECIMAL(30,10)), CAST(:t AS " + (postgresql ? "TIMESTAMP" : "DATETIME") + ")", [
    { name: "d", value: { stringValue: "12345678901234567890.0123456789" }, typeHint: "DECIMAL" },
    { name: "t", value: { stringValue: "2026-01-31 10:20:30" }, typeHint: "TIMESTAMP" }]);
  assert.deepEqual(got.records, [[{ stringValue: "12345678901234567890.0123456789" }, { stringValue: "2026-01-31 10:20:30" }]]);
});

test("records as JSON", async () => {
  await add(1, awkward);
  const got = await run(`SELECT id, name FROM ${table}`, undefined, { formatRecordsAs: "JSON" });
  assert.deepEqual(JSON.parse(got.formattedRecords), [{ id: 1, name: awkward }]);
});

test("every error is an instance of its class", async () => {
  const asked = new sdk.RDSDataClient({ ...options, endpoint: errorsEndpoint, maxAttempts: 2 });
  for (const { name, status, operation, sql, ...members } of errors) {
    const call = {
      Execute: () => new sdk.ExecuteStatementCommand({ ...members, sql }),
      BatchExecute: () => new sdk.BatchExecuteStatementCommand({ ...members, sql, parameterSets: [[]] }),
      BeginTransaction: () => new sdk.BeginTransactionCommand(members),
      CommitTransaction: () => new sdk.CommitTransactionCommand(members),
      RollbackTransaction: () => new sdk.RollbackTransactionCommand(members),
      ExecuteSql: () => new sdk.ExecuteSqlCommand({ awsSecretStoreArn: members.secretArn, dbClusterOrInstanceArn: members.resourceArn, sqlStatements: sql }),
    }[operation];
    await assert.rejects(asked.send(call()), (e) => {
      const what = `${operation}: ${name}, not ${e.name}: ${e.message}`;
      assert.ok(e instanceof (sdk[name] ?? sdk.RDSDataServiceException), what); // ValidationException and InternalFailure are not modelled
      assert.deepEqual([e.name, e.$metadata.httpStatusCode, e.$metadata.attempts], [name, status, status < 500 ? 1 : 2], what);
      assert.ok(e.message.length > 0, what);
      assert.match(e.$metadata.requestId, /^[0-9a-f-]{36}$/);
      if (sdk[name]) assert.equal(e.$fault, status < 500 ? "client" : "server", what);
      if (name === "StatementTimeoutException") assert.ok(e.dbConnectionId > 0);
      return true;
    });
  }
});

test("an answer has a request id", async () => {
  assert.match((await run("SELECT 1")).$metadata.requestId, /^[0-9a-f-]{36}$/);
});

test("commit keeps and rollback drops", async () => {
  const kept = await begin();
  await add(1, "kept", { transactionId: kept });
  assert.equal(await count(), 0);
  const ended = await client.send(new sdk.CommitTransactionCommand({ ...target, transactionId: kept }));
  assert.equal(ended.transactionStatus, "Transaction Committed");
  const dropped = await begin();
  await add(2, "dropped", { transactionId: dropped });
  await client.send(new sdk.RollbackTransactionCommand({ ...target, transactionId: dropped }));
  assert.equal(await count(), 1);
  await assert.rejects(add(3, "late", { transactionId: dropped }), sdk.TransactionNotFoundException);
});

test("a batch of 50 with a duplicate adds nothing, without it all", async () => {
  const sets = Array.from({ length: 50 }, (_, i) => row(i === 36 ? 5 : i, `Employee ${i}`));
  const batch = () => client.send(new sdk.BatchExecuteStatementCommand({ ...target, sql: `INSERT INTO ${table} (id, name) VALUES (:id, :name)`, parameterSets: sets }));
  await assert.rejects(batch(), (e) => e instanceof sdk.DatabaseErrorException && /duplicate/i.test(e.message));
  assert.equal(await count(), 0);
  sets[36] = row(36, "Employee 36");
  assert.equal((await batch()).updateResults.length, 50);
  assert.equal(await count(), 50);
});

test("100 calls at once", async () => {
  await Promise.all(Array.from({ length: 100 }, (_, i) => add(i, `n${i}`)));
  assert.equal(await count(), 100);
});

test("8 transactions at once, every other one rolled back", async () => {
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const transactionId = await begin();
    await add(i, "x", { transactionId });
    await client.send(new (i % 2 ? sdk.CommitTransactionCommand : sdk.RollbackTransactionCommand)({ ...target, transactionId }));
  }));
  assert.equal(await count(), 4);
});

test("arrays of PostgreSQL", { skip: !postgresql && "MariaDB has no arrays" }, async () => {
  const got = await run("SELECT ARRAY[1,2], ARRAY['a','b'], ARRAY[1.5::float8], ARRAY[true,false]");
  assert.deepEqual(got.records[0].map((f) => f.arrayValue), [{ longValues: [1, 2] }, { stringValues: ["a", "b"] }, { doubleValues: [1.5] }, { booleanValues: [true, false] }]);
  await assert.rejects(run("SELECT ARRAY[[1,2],[3,4]]"), sdk.UnsupportedResultException);
});

test("the aggregated client calls the same", async () => {
  assert.deepEqual((await new sdk.RDSData(options).executeStatement({ ...target, sql: "SELECT 'x' AS x" })).records, [[{ stringValue: "x" }]]);
});
