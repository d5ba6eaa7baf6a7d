"""SQLAlchemy by the dialects of sqlalchemy-aurora-data-api, and Alembic above them, as an application would use them."""
import datetime
import decimal
import enum
import os
import tempfile
import unittest
import uuid
from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa
import sqlalchemy.orm
from sqlalchemy.dialects import postgresql as pg

TABLE, DATABASE = os.environ["TABLE"], os.environ["DATABASE"]
POSTGRESQL = os.environ["ENGINE"] == "postgresql"
ARNS = {"aurora_cluster_arn": os.environ["RESOURCE_ARN"], "secret_arn": os.environ["SECRET_ARN"]}
URL = f"{'postgresql' if POSTGRESQL else 'mysql'}+auroradataapi://:@/{DATABASE}"
AWKWARD = "Ünïcode, 日本語, 🚀, \"quotes\", it's \\ and :name ? $1 %s;"

engine = sa.create_engine(URL, connect_args=ARNS)
Base = sqlalchemy.orm.declarative_base()


class Role(enum.Enum):
    engineer = 1
    manager = 2


class Department(Base):
    __tablename__ = TABLE + "_department"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(80), unique=True, nullable=False)
    people = sqlalchemy.orm.relationship("Person", back_populates="department", order_by="Person.name")


class Person(Base):
    __tablename__ = TABLE + "_person"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(200))
    role = sa.Column(sa.Enum(Role, name=TABLE + "_role"))
    born = sa.Column(sa.Date)
    salary = sa.Column(sa.Numeric(12, 2))
    active = sa.Column(sa.Boolean)
    department_id = sa.Column(sa.ForeignKey(Department.id))
    department = sqlalchemy.orm.relationship(Department, back_populates="people")


# What only PostgreSQL has.
types = sa.Table(TABLE + "_types", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("seen", sa.DateTime), sa.Column("profile", pg.JSONB),
                 sa.Column("badge", pg.UUID(as_uuid=False)), sa.Column("tags", pg.ARRAY(sa.Text)))


def setUpModule():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    if POSTGRESQL:
        types.drop(engine, checkfirst=True)
        types.create(engine)


class Orm(unittest.TestCase):
    def setUp(self):
        with engine.begin() as connection:
            connection.execute(Person.__table__.delete())
            connection.execute(Department.__table__.delete())

    def names(self):
        with sqlalchemy.orm.Session(engine) as session:
            return session.scalars(sa.select(Person.name).order_by(Person.name)).all()

    def test_a_row_of_every_type(self):
        row = {"name": AWKWARD, "role": Role.manager, "born": datetime.date(2001, 2, 3), "salary": decimal.Decimal("1234.50"), "active": True}
        with sqlalchemy.orm.Session(engine) as session:
            person = Person(**row)
            session.add(person)
            session.commit()
            self.assertGreater(person.id, 0)
        with engine.connect() as connection:
            got = connection.execute(sa.select(Person.__table__)).mappings().one()
            self.assertEqual({k: got[k] for k in row}, row)
            self.assertEqual(connection.execute(sa.select(Person.name).where(Person.role == Role.manager)).scalars().all(), [AWKWARD])

    @unittest.skipUnless(POSTGRESQL, "types of PostgreSQL")
    def test_more_types(self):
        row = {"id": 1, "seen": datetime.datetime(2026, 1, 31, 10, 20, 30, 125000), "profile": {"a": [1, None]}, "badge": str(uuid.UUID(int=7)), "tags": ["a", "b,c"]}
        with engine.begin() as connection:
            connection.execute(types.insert().values(**row))
            self.assertEqual(dict(connection.execute(sa.select(types)).mappings().one()), row)

    def test_update_and_roll_back(self):
        with sqlalchemy.orm.Session(engine) as session:
            session.add_all([Person(name="ann"), Person(name="bob")])
            session.commit()
            session.scalars(sa.select(Person).where(Person.name == "ann")).one().name = "anna"
            session.commit()
            session.add(Person(name="dropped"))
            session.flush()
            session.rollback()
        self.assertEqual(self.names(), ["anna", "bob"])

    def test_relations_and_joins(self):
        with sqlalchemy.orm.Session(engine) as session:
            session.add(Department(name="Ops", people=[Person(name="bob"), Person(name="ann")]))
            session.add(Person(name="cy"))
            session.commit()
            ops = session.scalars(sa.select(Department)).one()
            self.assertEqual([p.name for p in ops.people], ["ann", "bob"])
            got = session.execute(sa.select(Department.name, sa.func.count()).join(Person).where(Person.name.in_(["ann", "bob", "cy"])).group_by(Department.name)).all()
            self.assertEqual([tuple(r) for r in got], [("Ops", 2)])
            outer = session.execute(sa.select(Person.name, Department.name).outerjoin(Department).order_by(sa.desc(Person.name)).limit(2)).all()
            self.assertEqual([tuple(r) for r in outer], [("cy", None), ("bob", "Ops")])

    def test_a_transaction_in_a_transaction(self):
        with sqlalchemy.orm.Session(engine) as session:
            session.add(Department(name="kept"))
            session.flush()
            with self.assertRaises(sa.exc.DBAPIError), session.begin_nested():
                session.add(Department(name="kept"))
                session.flush()
            with session.begin_nested():
                session.add(Person(name="inner"))
            session.commit()
        self.assertEqual(self.names(), ["inner"])

    def test_errors(self):
        with self.assertRaises(sa.exc.DBAPIError), engine.connect() as connection:
            connection.execute(sa.text("SELEKT 1"))

    def test_reflection(self):
        self.assertIn(Person.__tablename__, sa.inspect(engine).get_table_names())


REVISIONS = {
    "one": """
revision, down_revision = "one", None

def upgrade():
    op.create_table(NAME, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40), nullable=False))

def downgrade():
    op.drop_table(NAME)
""",
    "two": """
revision, down_revision = "two", "one"

def upgrade():
    op.add_column(NAME, sa.Column("age", sa.Integer, server_default="1"))
    op.create_index(NAME + "_age", NAME, ["age"])
    op.bulk_insert(sa.table(NAME, sa.column("id", sa.Integer), sa.column("name", sa.String)), [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}])

def downgrade():
    op.drop_index(NAME + "_age", NAME)
    op.drop_column(NAME, "age")
""",
}


class Migrations(unittest.TestCase):
    def test_up_and_down(self):
        name = TABLE + "_migrated"
        with engine.begin() as connection:
            for each in (name, name + "_version"):
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {each}"))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "versions").mkdir()
            (Path(folder) / "env.py").write_text(f"""
from alembic import context
with context.config.attributes["engine"].connect() as connection:
    context.configure(connection=connection, version_table="{name}_version", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
""")
            for each, text in REVISIONS.items():
                (Path(folder) / "versions" / f"{each}.py").write_text(f"import sqlalchemy as sa\nfrom alembic import op\nNAME = '{name}'\n{text}")
            config = alembic.config.Config()
            config.set_main_option("script_location", folder)
            config.attributes["engine"] = engine

            def columns():
                with engine.connect() as connection:
                    return [*connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY id")).keys()]

            alembic.command.upgrade(config, "head")
            with engine.connect() as connection:
                got = connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY id")).all()
                self.assertEqual([tuple(r) for r in got], [(1, "ann", 1), (2, "bob", 1)])
                self.assertEqual(connection.execute(sa.text(f"SELECT version_num FROM {name}_version")).scalars().all(), ["two"])
            alembic.command.upgrade(config, "head")  # nothing is left to do
            alembic.command.downgrade(config, "one")
            self.assertEqual(columns(), ["id", "name"])
            alembic.command.downgrade(config, "base")
            with self.assertRaises(sa.exc.DBAPIError):
                columns()


if __name__ == "__main__":
    unittest.main(verbosity=2)
