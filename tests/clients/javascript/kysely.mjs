// Kysely with kysely-data-api, over the AWS SDK for JavaScript, version 3.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { RDSData } from "@aws-sdk/client-rds-data";
import { Kysely, Migrator, sql } from "kysely";
import { DataApiDialect } from "kysely-data-api";
import { awkward, database, options, postgresql, resourceArn, secretArn, table } from "./here.mjs";

const db = new Kysely({
  dialect: new DataApiDialect({ mode: postgresql ? "postgres" : "mysql", driver: { client: new RDSData(options), database, secretArn, resourceArn } }),
});

await db.schema.dropTable(table).ifExists().execute();
let create = db.schema.createTable(table)
  .addColumn("id", postgresql ? "serial" : "integer", (c) => (postgresql ? c.primaryKey() : c.primaryKey().autoIncrement()))
  .addColumn("name", "varchar(200)", (c) => c.unique()).addColumn("age", "integer").addColumn("ratio", "double precision")
  .addColumn("born", "date").addColumn("data", postgresql ? "bytea" : "blob");
if (postgresql) create = create.addColumn("seen", "timestamptz").addColumn("profile", "jsonb").addColumn("tags", sql`text[]`);
await create.execute();
beforeEach(() => db.deleteFrom(table).execute());
const names = async () => (await db.selectFrom(table).select("name").orderBy("name").execute()).map((r) => r.name);

test("a row comes back as it went", async () => {
  const born = sql`cast(${"2001-02-03"} as date)`;
  const data = Buffer.from([0, 1, 255]);
  await db.insertInto(table).values({ name: awkward, age: 42, ratio: 0.5, born, data }).execute();
  const [got] = await db.selectFrom(table).select(["name", "age", "ratio", "born", "data"]).where("age", "=", 42).execute();
  assert.deepEqual({ ...got, data: [...got.data] }, { name: awkward, age: 42, ratio: 0.5, born: new Date("2001-02-03"), data: [...data] });
});

test("types of PostgreSQL", { skip: !postgresql && "other types" }, async () => {
  const got = await db.insertInto(table).values({ name: "x", seen: sql`${"2026-01-31 10:20:30.125+02"}::text::timestamptz`, profile: sql`${JSON.stringify({ a: [1, null] })}::jsonb`,
    tags: sql`ARRAY[${"a"}, ${"b,c"}]::text[]`, age: null }).returning(["seen", "profile", "tags", "age"]).executeTakeFirstOrThrow();
  assert.deepEqual(got, { seen: new Date("2026-01-31T08:20:30.125Z"), profile: { a: [1, null] }, tags: ["a", "b,c"], age: null });
});

test("insertId", { skip: postgresql && "PostgreSQL has RETURNING" }, async () => {
  const [a, b] = [await db.insertInto(table).values({ name: "a" }).executeTakeFirst(), await db.insertInto(table).values({ name: "b" }).executeTakeFirst()];
  assert.equal(typeof a.insertId, "bigint");
  assert.equal(b.insertId, a.insertId + 1n);
});

test("update and delete count their rows", async () => {
  await db.insertInto(table).values([{ name: "a", age: 1 }, { name: "b", age: 2 }, { name: "c", age: 3 }]).execute();
  assert.equal((await db.updateTable(table).set({ age: 9 }).where("age", ">", 1).executeTakeFirst()).numUpdatedRows, 2n);
  assert.equal((await db.deleteFrom(table).where("name", "in", ["a", "b", "z"]).executeTakeFirst()).numDeletedRows, 2n);
  assert.deepEqual(await names(), ["c"]);
});

test("joins, groups and sub-queries", async () => {
  await db.insertInto(table).values([{ name: "a", age: 1 }, { name: "b", age: 1 }, { name: "c", age: 2 }]).execute();
  const got = await db.selectFrom(`${table} as x`).innerJoin(`${table} as y`, "x.age", "y.age").select(["x.age", (e) => e.fn.countAll().as("n")]).groupBy("x.age").orderBy("x.age").execute();
  assert.deepEqual(got, [{ age: 1, n: 4 }, { age: 2, n: 1 }]);
});

test("a transaction commits and rolls back", async () => {
  await db.transaction().execute((tx) => tx.insertInto(table).values({ name: "kept" }).execute());
  await assert.rejects(db.transaction().execute(async (tx) => {
    await tx.insertInto(table).values({ name: "dropped" }).execute();
    await tx.insertInto(table).values({ name: "kept" }).execute();
  }), (e) => e.name === "DatabaseErrorException" && /duplicate/i.test(e.message));
  assert.deepEqual(await names(), ["kept"]);
});

test("50 rows in one insert, one a duplicate", async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ name: `n${i === 36 ? 5 : i}`, age: i }));
  await assert.rejects(db.insertInto(table).values(rows).execute(), /duplicate/i);
  assert.deepEqual(await names(), []);
  rows[36].name = "n36";
  await db.insertInto(table).values(rows).execute();
  assert.equal((await names()).length, 50);
});

test("introspection finds the table", async () => {
  const found = (await db.introspection.getTables()).find((t) => t.name === table);
  assert.deepEqual(found.columns.slice(0, 3).map((c) => [c.name, c.isNullable, c.isAutoIncrementing]), [["id", false, true], ["name", true, false], ["age", true, false]]);
});

test("migrations", async () => {
  const [migrated, done, lock] = ["migrated", "done", "lock"].map((name) => `${table}_${name}`);
  for (const each of [migrated, done, lock]) await db.schema.dropTable(each).ifExists().execute();
  const migrations = {
    one: {
      up: (on) => on.schema.createTable(migrated).addColumn("id", "integer", (c) => c.primaryKey()).addColumn("name", "varchar(40)", (c) => c.notNull()).execute(),
      down: (on) => on.schema.dropTable(migrated).execute(),
    },
    two: {
      up: async (on) => {
        await on.schema.alterTable(migrated).addColumn("age", "integer", (c) => c.defaultTo(1)).execute();
        await on.schema.createIndex(`${migrated}_age`).on(migrated).column("age").execute();
        await on.insertInto(migrated).values([{ id: 1, name: "ann" }, { id: 2, name: "bob" }]).execute();
      },
      down: (on) => on.schema.alterTable(migrated).dropColumn("age").execute(),
    },
  };
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations }, migrationTableName: done, migrationLockTableName: lock });
  const steps = ({ error, results }) => {
    if (error) throw error;
    return results.map((r) => [r.migrationName, r.direction, r.status]);
  };
  assert.deepEqual(steps(await migrator.migrateTo("one")), [["one", "Up", "Success"]]);
  assert.deepEqual(steps(await migrator.migrateToLatest()), [["two", "Up", "Success"]]);
  assert.deepEqual(steps(await migrator.migrateToLatest()), []);
  assert.deepEqual(await db.selectFrom(migrated).selectAll().orderBy("id").execute(), [{ id: 1, name: "ann", age: 1 }, { id: 2, name: "bob", age: 1 }]);
  assert.deepEqual((await migrator.getMigrations()).map((m) => m.executedAt instanceof Date), [true, true]);
  assert.deepEqual(steps(await migrator.migrateDown()), [["two", "Down", "Success"]]);
  assert.deepEqual(await db.selectFrom(migrated).selectAll().where("id", "=", 1).execute(), [{ id: 1, name: "ann" }]);
});

test("50 calls at once", async () => {
  await Promise.all(Array.from({ length: 50 }, (_, i) => db.insertInto(table).values({ name: `n${i}` }).execute()));
  assert.equal((await names()).length, 50);
});
