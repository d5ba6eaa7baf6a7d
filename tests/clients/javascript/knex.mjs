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

test("joins, enums and dates", async () => {
  const owned = `${table}_owned`;
  await knex.schema.dropTableIfExists(owned);
  await knex.schema.createTable(owned, (t) => {
    t.increments("id");
    t.string("owner", 200);
    t.enu("state", ["new", "done"]).notNullable();
    t.date("due");
    t.decimal("price", 10, 2);
  });
  await knex(table).insert([{ name: "ann", age: 1 }, { name: "bob", age: 2 }]);
  await knex(owned).insert([{ owner: "ann", state: "new", due: "2026-01-31", price: "12.50" }, { owner: "ann", state: "done" }]);
  const got = await knex(table).leftJoin(owned, `${table}.name`, `${owned}.owner`).orderBy([`${table}.name`, "state"]).select(`${table}.name`, "state", "price");
  assert.deepEqual(got.map((r) => [r.name, r.state]).sort(), [["ann", "done"], ["ann", "new"], ["bob", null]]);
  assert.deepEqual(await knex(owned).where("due", "<=", "2026-02-01").count({ n: "*" }).then(([r]) => Number(r.n)), 1);
  await assert.rejects(knex(owned).insert({ owner: "ann", state: "other" }));
});

test("migrations", async () => {
  const [migrated, done] = [`${table}_migrated`, `${table}_done`];
  for (const each of [migrated, done, `${done}_lock`]) await knex.schema.dropTableIfExists(each);
  const steps = {
    one: { up: (k) => k.schema.createTable(migrated, (t) => { t.integer("id").primary(); t.string("name", 40).notNullable(); }), down: (k) => k.schema.dropTable(migrated) },
    two: {
      up: async (k) => {
        await k.schema.alterTable(migrated, (t) => { t.integer("age").defaultTo(1); t.index("age"); });
        await k(migrated).insert([{ id: 1, name: "ann" }, { id: 2, name: "bob" }]);
      },
      down: (k) => k.schema.alterTable(migrated, (t) => t.dropColumn("age")),
    },
  };
  const config = { tableName: done, migrationSource: { getMigrations: async () => Object.keys(steps), getMigrationName: (name) => name, getMigration: (name) => steps[name] } };
  assert.deepEqual((await knex.migrate.latest(config))[1], ["one", "two"]);
  assert.deepEqual((await knex.migrate.latest(config))[1], []);
  assert.deepEqual(await knex(migrated).orderBy("id").select(), [{ id: 1, name: "ann", age: 1 }, { id: 2, name: "bob", age: 1 }]);
  assert.deepEqual((await knex.migrate.down(config))[1], ["two"]);
  assert.deepEqual(await knex(migrated).first(), { id: 1, name: "ann" });
});

test("an unknown table is the error's code", { skip: postgresql && "only of MySQL" }, async () => {
  await assert.rejects(knex("no_such_table_xyz").select(), /doesn't exist/);
});

test("32 calls at once", async () => {
  await Promise.all(Array.from({ length: 32 }, (_, i) => knex(table).insert({ name: `n${i}` })));
  assert.equal((await names()).length, 32);
});
