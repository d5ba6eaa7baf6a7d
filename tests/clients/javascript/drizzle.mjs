// Drizzle's aws-data-api/pg, as an application has it: a schema, queries built from it, relations, nested transactions.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import test, { before, beforeEach } from "node:test";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { and, asc, count, desc, eq, gt, inArray, isNull, like, relations, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/aws-data-api/pg";
import { migrate } from "drizzle-orm/aws-data-api/pg/migrator";
import { bigint, boolean, date, doublePrecision, integer, jsonb, numeric, pgSchema, serial, text, time, timestamp, uuid, varchar } from "drizzle-orm/pg-core";
import { awkward, database, options, resourceArn, secretArn, table } from "./here.mjs";

const own = pgSchema(table);
const role = own.enum("role", ["engineer", "manager", "it's"]);
const department = own.table("department", { id: serial("id").primaryKey(), name: varchar("name", { length: 80 }).notNull().unique() });
const employee = own.table("employee", {
  id: serial("id").primaryKey(),
  name: text("name").notNull(),
  role: role("role").default("engineer"),
  departmentId: integer("department_id").references(() => department.id),
  hired: date("hired"),
  hiredDate: date("hired_date", { mode: "date" }),
  lunch: time("lunch"),
  seen: timestamp("seen", { mode: "date", precision: 3 }),
  seenText: timestamp("seen_text", { mode: "string" }),
  zoned: timestamp("zoned", { withTimezone: true }),
  badge: uuid("badge"),
  profile: jsonb("profile"),
  tags: text("tags").array(),
  levels: integer("levels").array(),
  salary: numeric("salary", { precision: 14, scale: 2 }),
  ratio: doublePrecision("ratio"),
  steps: bigint("steps", { mode: "number" }),
  active: boolean("active"),
});
const departmentRelations = relations(department, ({ many }) => ({ employees: many(employee) }));
const employeeRelations = relations(employee, ({ one }) => ({ department: one(department, { fields: [employee.departmentId], references: [department.id] }) }));
const db = drizzle(new RDSDataClient(options), { database, secretArn, resourceArn, schema: { department, employee, departmentRelations, employeeRelations } });

before(async () => {
  for (const statement of [
    `DROP SCHEMA IF EXISTS ${table} CASCADE`, `CREATE SCHEMA ${table}`, `CREATE TYPE ${table}.role AS ENUM ('engineer', 'manager', 'it''s')`,
    `CREATE TABLE ${table}.department (id serial PRIMARY KEY, name varchar(80) NOT NULL UNIQUE)`,
    `CREATE TABLE ${table}.employee (id serial PRIMARY KEY, name text NOT NULL, role ${table}.role DEFAULT 'engineer', department_id int REFERENCES ${table}.department,
       hired date, hired_date date, lunch time, seen timestamp(3), seen_text timestamp, zoned timestamptz, badge uuid, profile jsonb, tags text[], levels int[],
       salary numeric(14,2), ratio double precision, steps bigint, active boolean)`,
  ]) await db.execute(sql.raw(statement));
});
beforeEach(() => db.execute(sql.raw(`TRUNCATE ${table}.employee, ${table}.department RESTART IDENTITY CASCADE`)));

const names = async () => (await db.select({ name: employee.name }).from(employee).orderBy(asc(employee.id))).map((r) => r.name);

// Its own $count reads this driver's answers wrongly.
const rows = async (of) => (await db.select({ n: count() }).from(of))[0].n;

test("a row of every type", async () => {
  const seen = new Date("2026-01-31T10:20:30.125Z");
  const written = {
    name: awkward, hired: "2026-01-31", hiredDate: new Date("2026-02-28"), lunch: "12:30:00", seen, seenText: "2026-01-31 10:20:30.500", zoned: seen,
    badge: "9a3c1f5e-0000-4000-8000-000000000001", profile: { langs: ["de", "日本語"], nested: { deep: [1, null, true] }, quote: "'\"\\" },
    tags: ["a", "b,c", 'say "hi"', "x\\y"], levels: [3, 1, 2], salary: "123456789.10", ratio: 0.1, steps: 9007199254740991, active: true,
  };
  const [added] = await db.insert(employee).values(written).returning();
  assert.deepEqual(added, { id: 1, role: "engineer", departmentId: null, ...written });
  assert.deepEqual((await db.select().from(employee))[0], added);
});

test("NULL in every column that may be", async () => {
  const [added] = await db.insert(employee).values({ name: "nobody", role: null }).returning();
  assert.deepEqual(Object.entries(added).filter(([, v]) => v !== null).map(([k]) => k), ["id", "name"]);
  assert.equal((await db.select().from(employee).where(isNull(employee.role))).length, 1);
});

test("an enum where its column is compared by cast and set by literal", async () => {
  await db.insert(employee).values({ name: "boss", role: sql`${"manager"}::${sql.raw(table)}.role` });
  await db.insert(employee).values({ name: "default" });
  const got = await db.select().from(employee).where(sql`${employee.role} = cast(${"manager"} as ${sql.raw(table)}.role)`);
  assert.deepEqual(got.map((r) => [r.name, r.role]), [["boss", "manager"]]);
});

test("an enum as bare text fails as on AWS", async () => {
  await assert.rejects(db.insert(employee).values({ name: "boss", role: "manager" }), (e) => /column "role" is of type .*role but expression is of type text/.test(String(e.cause?.message ?? e.message)));
});

test("update, delete and what they return", async () => {
  await db.insert(employee).values([{ name: "a", steps: 1 }, { name: "b", steps: 2 }, { name: "c", steps: 3 }]);
  const updated = await db.update(employee).set({ active: false, tags: ["x"], profile: { k: 1 }, seen: new Date(0) }).where(gt(employee.steps, 1)).returning({ id: employee.id, tags: employee.tags });
  assert.deepEqual(updated, [{ id: 2, tags: ["x"] }, { id: 3, tags: ["x"] }]);
  const done = await db.delete(employee).where(eq(employee.name, "a"));
  assert.equal(done.numberOfRecordsUpdated, 1);
  assert.deepEqual(await names(), ["b", "c"]);
});

test("joins, grouping, order, limit and LIKE", async () => {
  const [{ id }] = await db.insert(department).values({ name: "Ops" }).returning({ id: department.id });
  await db.insert(employee).values(["ann", "anton", "bob"].map((name) => ({ name, departmentId: id })));
  const got = await db.select({ department: department.name, n: count() }).from(employee).innerJoin(department, eq(employee.departmentId, department.id))
    .where(and(like(employee.name, "an%"), inArray(employee.name, ["ann", "anton", "zoe"]))).groupBy(department.name);
  assert.deepEqual(got, [{ department: "Ops", n: 2 }]);
  assert.deepEqual((await db.select({ name: employee.name }).from(employee).orderBy(desc(employee.name)).limit(1).offset(1)).map((r) => r.name), ["anton"]);
});

test("relational queries", async () => {
  const [{ id }] = await db.insert(department).values({ name: "Ops" }).returning();
  await db.insert(employee).values([{ name: "ann", departmentId: id }, { name: "bob", departmentId: id }]);
  const got = await db.query.department.findMany({ columns: { name: true }, with: { employees: { columns: { name: true }, orderBy: (e) => asc(e.name) } } });
  assert.deepEqual(got, [{ name: "Ops", employees: [{ name: "ann" }, { name: "bob" }] }]);
});

test("on conflict do update", async () => {
  await db.insert(department).values({ name: "Ops" });
  const [got] = await db.insert(department).values({ name: "Ops" }).onConflictDoUpdate({ target: department.name, set: { name: "Ops 2" } }).returning();
  assert.equal(got.name, "Ops 2");
});

test("prepared statements with placeholders", async () => {
  await db.insert(employee).values([{ name: "a" }, { name: "b" }]);
  const find = db.select().from(employee).where(eq(employee.name, sql.placeholder("name"))).prepare("find");
  assert.equal((await find.execute({ name: "a" }))[0].id, 1);
  assert.equal((await find.execute({ name: "b" }))[0].id, 2);
});

test("raw statements have rows by column name", async () => {
  assert.deepEqual((await db.execute(sql`SELECT ${1}::int AS one, ${"x"} AS x`)).rows, [{ one: 1, x: "x" }]);
});

test("a transaction commits, rolls back, and nests", async () => {
  await db.transaction(async (tx) => {
    await tx.insert(employee).values({ name: "kept" });
    await assert.rejects(tx.transaction(async (inner) => {
      await inner.insert(employee).values({ name: "inner" });
      inner.rollback();
    }));
  });
  await assert.rejects(db.transaction(async (tx) => {
    await tx.insert(employee).values({ name: "dropped" });
    throw new Error("on purpose");
  }), /on purpose/);
  assert.deepEqual(await names(), ["kept"]);
  const level = await db.transaction((tx) => tx.execute(sql`SHOW transaction_isolation`), { isolationLevel: "serializable" });
  assert.deepEqual(level.rows, [{ transaction_isolation: "serializable" }]);
});

test("a statement that fails in a transaction", async () => {
  await assert.rejects(db.transaction(async (tx) => {
    await tx.insert(department).values({ name: "Ops" });
    await tx.insert(department).values({ name: "Ops" });
  }), (e) => /duplicate key value/.test(String(e.cause?.message ?? e.message)));
  assert.equal(await rows(department), 0);
});

test("50 rows in one insert, one a duplicate", async () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ name: `d${i === 36 ? 5 : i}` }));
  await assert.rejects(db.insert(department).values(many));
  assert.equal(await rows(department), 0);
  many[36].name = "d36";
  await db.insert(department).values(many);
  assert.equal(await rows(department), 50);
});

test("migrations", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "drizzle-"));
  const steps = {
    one: `CREATE TYPE "${table}"."state" AS ENUM ('new', 'done');--> statement-breakpoint
      CREATE TABLE "${table}"."task" ("id" serial PRIMARY KEY, "state" "${table}"."state" DEFAULT 'new' NOT NULL, "owner" int REFERENCES "${table}"."department"("id") ON DELETE cascade);`,
    two: `ALTER TABLE "${table}"."task" ADD COLUMN "due" timestamp (3) with time zone DEFAULT now();--> statement-breakpoint
      CREATE INDEX "task_due" ON "${table}"."task" USING btree ("due" DESC NULLS LAST);--> statement-breakpoint
      DO $$ BEGIN ALTER TABLE "${table}"."task" ADD CONSTRAINT "task_ids" CHECK (id > 0); EXCEPTION WHEN duplicate_object THEN null; END $$;`,
  };
  await mkdir(path.join(folder, "meta"));
  const journal = (names) => writeFile(path.join(folder, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql",
    entries: names.map((tag, idx) => ({ idx, version: "7", when: 1700000000000 + idx, tag, breakpoints: true })) }));
  for (const [name, text] of Object.entries(steps)) await writeFile(path.join(folder, `${name}.sql`), text);
  const done = async () => Number((await db.execute(sql.raw(`SELECT count(*) AS n FROM ${table}.migrations`))).rows[0].n);
  for (const [names, n] of [[["one"], 1], [["one", "two"], 2], [["one", "two"], 2]]) {
    await journal(names);
    await migrate(db, { migrationsFolder: folder, migrationsSchema: table, migrationsTable: "migrations" });
    assert.equal(await done(), n);
  }
  const { rows: [task] } = await db.execute(sql.raw(`INSERT INTO ${table}.task DEFAULT VALUES RETURNING id, state, due IS NOT NULL AS has_due`));
  assert.deepEqual(task, { id: 1, state: "new", has_due: true });
  await rm(folder, { recursive: true });
});

test("64 calls at once", async () => {
  await Promise.all(Array.from({ length: 64 }, (_, i) => db.insert(employee).values({ name: `n${i}` })));
  assert.equal(await rows(employee), 64);
});
