// data-api-client, over the AWS SDK for JavaScript, version 2, that it needs.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import AWS from "aws-sdk";
import connect from "data-api-client";
import { awkward, database, endpoint, postgresql, resourceArn, secretArn, table } from "./here.mjs";

const configuration = {
  AWS, resourceArn, secretArn, database, engine: postgresql ? "pg" : "mysql",
  options: { endpoint, region: "us-east-1", accessKeyId: "test", secretAccessKey: "test", maxRetries: 0 },
};
const data = connect(configuration);

await data.query(`DROP TABLE IF EXISTS ${table}`);
await data.query(`CREATE TABLE ${table} (id ${postgresql ? "SERIAL PRIMARY KEY" : "INT AUTO_INCREMENT PRIMARY KEY"}, name VARCHAR(200) UNIQUE, age INT,
  born ${postgresql ? "TIMESTAMP" : "DATETIME(3)"}, data ${postgresql ? "BYTEA" : "BLOB"}, ratio DOUBLE PRECISION, profile ${postgresql ? "JSONB" : "TEXT"})`);
beforeEach(() => data.query(`DELETE FROM ${table}`));
const names = async () => (await data.query(`SELECT name FROM ${table} ORDER BY name`)).records.map((r) => r.name);

test("a row is an object with the columns' names", async () => {
  const born = new Date("2001-02-03T04:05:06.125Z");
  const added = await data.query(`INSERT INTO ${table} (name, age, born, data, ratio) VALUES (:name, :age, :born, :data, :ratio)`,
    { name: awkward, age: 42, born, data: Buffer.from([0, 1, 255]), ratio: 0.25 });
  assert.equal(added.numberOfRecordsUpdated, 1);
  const { records } = await data.query(`SELECT name, age, born, data, ratio, profile FROM ${table} WHERE age = :age`, { age: 42 });
  assert.deepEqual(records.map((r) => ({ ...r, data: [...r.data] })), [{ name: awkward, age: 42, born, data: [0, 1, 255], ratio: 0.25, profile: null }]);
});

test("rows without names", async () => {
  const plain = connect({ ...configuration, hydrateColumnNames: false, formatOptions: { deserializeDate: false } }); // without names it knows no types either
  assert.deepEqual((await plain.query("SELECT 1, 'x', NULL")).records, [[1, "x", null]]);
});

test("identifiers by double colons", async () => {
  await data.query(`INSERT INTO ${table} (name) VALUES (:name)`, { name: "ann" });
  if (postgresql) return assert.equal((await data.query(`SELECT name::text AS name FROM ${table}`)).records[0].name, "ann");
  assert.equal((await data.query("SELECT ::column AS name FROM ::table", [{ name: "column", value: "name" }, { name: "table", value: table }])).records[0].name, "ann");
});

test("casts", { skip: !postgresql && "written for PostgreSQL's types" }, async () => {
  await data.query(`INSERT INTO ${table} (name, profile) VALUES (:name, :profile)`, [{ name: "name", value: "ann" }, { name: "profile", value: JSON.stringify({ a: [1] }), cast: "jsonb" }]);
  assert.deepEqual(JSON.parse((await data.query(`SELECT profile FROM ${table}`)).records[0].profile), { a: [1] });
});

test("insertId", { skip: postgresql && "PostgreSQL has RETURNING" }, async () => {
  const first = (await data.query(`INSERT INTO ${table} (name) VALUES (:name)`, { name: "a" })).insertId;
  const batch = await data.query(`INSERT INTO ${table} (name) VALUES (:name)`, [[{ name: "b" }], [{ name: "c" }]]);
  assert.deepEqual(batch.updateResults.map((r) => r.insertId), [first + 1, first + 2]);
});

test("RETURNING", { skip: !postgresql && "read by insertId" }, async () => {
  const { records } = await data.query(`INSERT INTO ${table} (name) VALUES (:name) RETURNING name`, { name: "a" });
  assert.deepEqual(records, [{ name: "a" }]);
});

test("a batch of 50 with a duplicate adds nothing, without it all", async () => {
  const sets = Array.from({ length: 50 }, (_, i) => [{ name: `n${i === 36 ? 5 : i}`, age: i }]);
  await assert.rejects(data.query(`INSERT INTO ${table} (name, age) VALUES (:name, :age)`, sets), /duplicate/i);
  assert.deepEqual(await names(), []);
  sets[36][0].name = "n36";
  await data.query(`INSERT INTO ${table} (name, age) VALUES (:name, :age)`, sets);
  assert.equal((await names()).length, 50);
});

test("a transaction's queries follow each other", async () => {
  const results = await data.transaction()
    .query(`INSERT INTO ${table} (name, age) VALUES (:name, :age)`, { name: "ann", age: 1 })
    .query((before) => [`UPDATE ${table} SET age = :age WHERE name = :name`, { age: before.numberOfRecordsUpdated + 1, name: "ann" }])
    .commit();
  assert.deepEqual(results.at(-1), { transactionStatus: "Transaction Committed" });
  assert.equal((await data.query(`SELECT age FROM ${table}`)).records[0].age, 2);
});

test("a transaction whose query fails is rolled back", async () => {
  let rolledBack;
  await assert.rejects(data.transaction()
    .query(`INSERT INTO ${table} (name) VALUES (:name)`, { name: "a" })
    .query(`INSERT INTO ${table} (name) VALUES (:name)`, { name: "a" })
    .rollback((error, status) => { rolledBack = [error.code, status.transactionStatus]; })
    .commit(), /duplicate/i);
  assert.deepEqual(rolledBack, ["DatabaseErrorException", "Rollback Complete"]);
  assert.deepEqual(await names(), []);
});

test("errors carry their AWS names", async () => {
  await assert.rejects(data.query("SELEKT 1"), { code: "DatabaseErrorException", statusCode: 400 });
  await assert.rejects(data.query({ sql: "SELECT 1", transactionId: "A".repeat(184) }), { code: "TransactionNotFoundException", statusCode: 404 });
  await assert.rejects(data.query({ sql: "SELECT 1", secretArn: secretArn + "-none" }), { code: "SecretsErrorException" });
});

test("the plain operations", async () => {
  const { transactionId } = await data.beginTransaction();
  await data.executeStatement({ sql: `INSERT INTO ${table} (name) VALUES ('x')`, transactionId });
  assert.equal((await data.rollbackTransaction({ transactionId })).transactionStatus, "Rollback Complete");
  assert.deepEqual(await names(), []);
});

test("50 calls at once", async () => {
  await Promise.all(Array.from({ length: 50 }, (_, i) => data.query(`INSERT INTO ${table} (name) VALUES (:name)`, { name: `n${i}` })));
  assert.equal((await names()).length, 50);
});
