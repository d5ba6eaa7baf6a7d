// Knex with knex-aurora-data-api-client, which writes values into the statement's text.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test, { beforeEach } from "node:test";
import AWS from "aws-sdk";
import { database, endpoint, postgresql, resourceArn, secretArn, table } from "./here.mjs";

const require = createRequire(import.meta.url);
const knex = require("knex")({
  client: require("knex-aurora-data-api-client")[postgresql ? "postgres" : "mysql"],
  connection: { AWS, database, resourceArn, secretArn, engine: postgresql ? "pg" : "mysql", options: { endpoint, region: "us-east-1", accessKeyId: "test", secretAccessKey: "test", maxRetries: 0 } },
});
const text = "Ünïcode, 日本語, 🚀, \"quotes\" and it's"; // no colon: it takes :name in a value for a parameter

await knex.schema.dropTableIfExists(table);
await knex.schema.createTable(table, (t) => {
  t.increments("id");
  t.string("name", 200).unique();
  t.integer("age");
  t.timestamp("seen", { useTz: false, precision: 3 });
  if (postgresql) t.jsonb("profile");
});
beforeEach(() => knex(table).del());
const names = () => knex(table).orderBy("name").select("name").then((rows) => rows.map((r) => r.name));

test("rows go and come back", async () => {
  await knex(table).insert({ name: text, age: 42, ...(postgresql ? { profile: { a: [1, null] } } : {}) });
  const [got] = await knex(table).select("name", "age", "seen", ...(postgresql ? ["profile"] : []));
  assert.equal(got.seen === null || got.seen instanceof Date, true);
  assert.deepEqual({ ...got, seen: null }, { name: text, age: 42, seen: null, ...(postgresql ? { profile: { a: [1, null] } } : {}) });
});

test("what an insert returns", async () => {
  if (postgresql) return assert.deepEqual(await knex(table).insert({ name: "a" }).returning("name"), [{ name: "a" }]);
  const [first] = await knex(table).insert({ name: "a" });
  assert.deepEqual(await knex(table).insert({ name: "b" }), [first + 1]);
});

test("update and delete count their rows", async () => {
  await knex(table).insert([{ name: "a", age: 1 }, { name: "b", age: 2 }, { name: "c", age: 3 }]);
  assert.equal(await knex(table).where("age", ">", 1).update({ age: 9 }), 2);
  assert.equal(await knex(table).whereIn("name", ["a", "b"]).del(), 2);
  assert.deepEqual(await knex(table).first("name", "age"), { name: "c", age: 9 });
});

test("a transaction commits and rolls back", async () => {
  await knex.transaction((tx) => tx(table).insert({ name: "kept" }));
  await assert.rejects(knex.transaction(async (tx) => {
    await tx(table).insert({ name: "dropped" });
    await tx(table).insert({ name: "kept" });
  }), /duplicate/i);
  for (let i = 0; i < 50 && (await names()).length !== 1; ++i) await new Promise((done) => setTimeout(done, 20)); // it does not wait for the rollback
  assert.deepEqual(await names(), ["kept"]);
});

test("50 rows in one insert, one a duplicate", async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ name: `n${i === 36 ? 5 : i}` }));
  await assert.rejects(knex(table).insert(rows), /duplicate/i);
  assert.deepEqual(await names(), []);
  rows[36].name = "n36";
  await knex(table).insert(rows);
  assert.equal((await names()).length, 50);
});

test("an unknown table is the error's code", { skip: postgresql && "only of MySQL" }, async () => {
  await assert.rejects(knex("no_such_table_xyz").select(), /doesn't exist/);
});

test("32 calls at once", async () => {
  await Promise.all(Array.from({ length: 32 }, (_, i) => knex(table).insert({ name: `n${i}` })));
  assert.equal((await names()).length, 32);
});
