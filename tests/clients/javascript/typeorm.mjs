// TypeORM with typeorm-aurora-data-api-driver.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import typeorm from "typeorm";
import { awkward, database, options, postgresql, resourceArn, secretArn, table } from "./here.mjs";

const { DataSource, EntitySchema, In, MoreThan } = typeorm;
const { endpoint, region, credentials } = options;
const department = new EntitySchema({ name: "Department", tableName: `${table}_department`, columns: { id: { type: "int", primary: true, generated: true }, name: { type: "varchar", length: "80", unique: true } } });
const person = new EntitySchema({
  name: "Person", tableName: `${table}_person`,
  columns: {
    id: { type: "int", primary: true, generated: true }, name: { type: "varchar", length: "200" }, age: { type: "int", nullable: true }, ratio: { type: postgresql ? "double precision" : "double", nullable: true },
    born: { type: "date", nullable: true }, seen: { type: postgresql ? "timestamp" : "datetime", precision: 3, nullable: true }, salary: { type: "decimal", precision: 12, scale: 2, nullable: true },
    role: { type: "enum", enum: ["engineer", "manager"], default: "engineer" }, profile: { type: postgresql ? "jsonb" : "simple-json", nullable: true }, tags: { type: "simple-array", nullable: true },
    ...(postgresql ? { badge: { type: "uuid", nullable: true } } : {}),
  },
  relations: { department: { type: "many-to-one", target: "Department", nullable: true, joinColumn: true } },
});
const source = new DataSource({
  type: postgresql ? "aurora-postgres" : "aurora-mysql", database, secretArn, resourceArn, region, entities: [department, person], synchronize: true, dropSchema: false,
  serviceConfigOptions: { endpoint, credentials, maxAttempts: 1 }, formatOptions: { castParameters: true },
});
let people, departments;

before(async () => {
  await source.initialize();
  [people, departments] = [source.getRepository("Person"), source.getRepository("Department")];
});
beforeEach(async () => {
  await people.createQueryBuilder().delete().execute();
  await departments.createQueryBuilder().delete().execute();
});
after(() => source.destroy());

test("a row of every type", async () => {
  const seen = new Date(`2026-01-31T10:20:30.${postgresql ? 125 : 0}Z`); // for MySQL the driver casts to a DATETIME without a fraction
  const row = { name: awkward, age: 42, ratio: 0.25, born: "2001-02-03", seen, salary: "1234.50", role: "manager", profile: { a: [1, null] }, tags: ["a", "b"],
    ...(postgresql ? { badge: "9a3c1f5e-0000-4000-8000-000000000001" } : {}) };
  const { id } = await people.save({ ...row });
  assert.deepEqual({ ...(await people.findOneByOrFail({ id })) }, { id, ...row });
});

test("NULL where it may be", async () => {
  const { id } = await people.save({ name: "x", age: null, born: null });
  const got = await people.findOneByOrFail({ id });
  assert.deepEqual([got.age, got.born, got.profile, got.role], [null, null, null, "engineer"]);
});

test("relations, find options and updates", async () => {
  const ops = await departments.save({ name: "Ops" });
  await people.save([{ name: "ann", age: 1, department: ops }, { name: "bob", age: 2, department: ops }, { name: "cy", age: 3 }]);
  const got = await people.find({ where: { age: MoreThan(1), name: In(["bob", "cy"]) }, relations: { department: true }, order: { name: "ASC" }, take: 10 });
  assert.deepEqual(got.map((p) => [p.name, p.department?.name]), [["bob", "Ops"], ["cy", undefined]]);
  await people.update({ name: "ann" }, { age: 30 });
  assert.equal((await people.findOneByOrFail({ name: "ann" })).age, 30);
  assert.equal(await people.countBy({ department: { id: ops.id } }), 2);
});

test("a transaction commits and rolls back", async () => {
  await source.transaction((tx) => tx.getRepository("Department").insert({ name: "kept" }));
  await assert.rejects(source.transaction(async (tx) => {
    await tx.getRepository("Department").insert({ name: "dropped" });
    await tx.getRepository("Department").insert({ name: "kept" });
  }), (e) => e.name === "QueryFailedError" || /duplicate/i.test(e.message));
  assert.deepEqual((await departments.find()).map((d) => d.name), ["kept"]);
});

test("migrations", async () => {
  const migrated = `${table}_migrated`;
  class One1700000000001 {
    async up(runner) {
      await runner.createTable(new typeorm.Table({ name: migrated, columns: [{ name: "id", type: "int", isPrimary: true }, { name: "name", type: "varchar", length: "40" }] }));
    }
    async down(runner) { await runner.dropTable(migrated); }
  }
  class Two1700000000002 {
    async up(runner) {
      await runner.query(`ALTER TABLE ${migrated} ADD COLUMN age int DEFAULT 1`);
      await runner.query(`CREATE INDEX ${migrated}_age ON ${migrated} (age)`);
      await runner.query(`INSERT INTO ${migrated} (id, name) VALUES (1, 'ann'), (2, 'bob')`);
    }
    async down(runner) { await runner.query(`ALTER TABLE ${migrated} DROP COLUMN age`); }
  }
  for (const each of [migrated, `${migrated}_done`]) await source.query(`DROP TABLE IF EXISTS ${each}`);
  const own = new DataSource({ ...source.options, entities: [], synchronize: false, migrations: [One1700000000001, Two1700000000002], migrationsTableName: `${migrated}_done` });
  await own.initialize();
  assert.equal((await own.runMigrations()).length, 2);
  assert.equal((await own.runMigrations()).length, 0);
  assert.deepEqual([...await own.query(`SELECT id, name, age FROM ${migrated} ORDER BY id`)], [{ id: 1, name: "ann", age: 1 }, { id: 2, name: "bob", age: 1 }]);
  await own.undoLastMigration();
  assert.deepEqual([...await own.query(`SELECT * FROM ${migrated} WHERE id = 1`)], [{ id: 1, name: "ann" }]);
  await own.destroy();
});

test("50 rows in one insert, one a duplicate", async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ name: `n${i === 36 ? 5 : i}` }));
  await assert.rejects(departments.insert(rows.map((r) => ({ ...r }))), /duplicate/i);
  assert.equal(await departments.count(), 0);
  rows[36].name = "n36";
  await departments.insert(rows);
  assert.equal(await departments.count(), 50);
});

test("32 calls at once", async () => {
  await Promise.all(Array.from({ length: 32 }, (_, i) => people.insert({ name: `n${i}` })));
  assert.equal(await people.count(), 32);
});
