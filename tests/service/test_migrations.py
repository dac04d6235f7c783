import threading

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
    update,
)

from palitra.errors import InputError
from palitra.service.database import migrate, open_database
from palitra.service.migrations import SCHEMA, Step, migrate_tables
from palitra.service.settings import Settings
from palitra.service.tables import JOBS, METADATA


@pytest.fixture
def database(any_database):
    return any_database


@pytest.fixture
def bare(settings):
    """A database without our tables."""
    engine = open_database(settings.database_url)
    METADATA.drop_all(engine)
    SCHEMA.drop(engine, checkfirst=True)
    yield engine
    engine.dispose()


def version(engine):
    with engine.connect() as connection:
        return connection.scalar(select(SCHEMA.c.version))


def shape(engine):
    found = inspect(engine)
    return {
        name: (
            {c["name"] for c in found.get_columns(name)},
            {i["name"] for i in found.get_indexes(name)} - {None},
        )
        for name in METADATA.tables
    }


def old_jobs():
    """`palitra_jobs` as it was in its first version: without the columns that came later."""
    later = {"fence"}
    columns = [c._copy() for c in JOBS.columns if c.name not in later]
    once = UniqueConstraint("owner", "idempotency_key", name="palitra_jobs_idempotency")
    made = MetaData()
    return made, Table(JOBS.name, made, *columns, once)


OLD = {
    "id": "j",
    "owner": "ann",
    "recipe": "text_to_image",
    "params": {"prompt": "a cat"},
    "inputs": {},
    "batch_key": "b",
    "cost_key": "c",
    "priority": 0,
    "state": "queued",
    "created_at": 1.0,
    "deadline_at": 2.0,
    "crashes": 0,
    "done": 0,
    "total": 3,
    "request_hash": "h",
}


def test_a_fresh_database_has_every_table_column_and_index(bare):
    migrate_tables(bare)
    assert shape(bare) == {
        t.name: ({c.name for c in t.columns}, {i.name for i in t.indexes} | unique_indexes(bare, t))
        for t in METADATA.sorted_tables
    }
    assert version(bare) == 0


def unique_indexes(engine, table):
    """PostgreSQL lists unique constraints among the indexes."""
    if engine.dialect.name == "sqlite":
        return set()
    return {c["name"] for c in inspect(engine).get_unique_constraints(table.name)}


def test_the_previous_shape_is_brought_up_to_date_and_keeps_its_rows(bare, settings):
    made, jobs = old_jobs()
    made.create_all(bare)
    with bare.begin() as connection:
        connection.execute(insert(jobs).values(**OLD))
    migrate(bare, settings.database_url)
    with bare.connect() as connection:
        row = connection.execute(select(JOBS)).one()
    assert (row.id, row.params, row.fence) == ("j", {"prompt": "a cat"}, None)
    fresh = open_database(f"sqlite:///{settings.folder / 'fresh.sqlite'}")
    migrate_tables(fresh)
    assert {n: c for n, (c, _) in shape(bare).items()} == {n: c for n, (c, _) in shape(fresh).items()}
    assert {"palitra_jobs_owner", "palitra_jobs_state"} <= shape(bare)["palitra_jobs"][1]
    fresh.dispose()


def test_migrating_again_changes_nothing(bare):
    migrate_tables(bare)
    before = shape(bare)
    migrate_tables(bare)
    assert shape(bare) == before


def grown():
    """The tables of a later version: columns of every kind, a table and an index more."""
    made = MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(made)
    jobs = made.tables["palitra_jobs"]
    jobs.append_column(Column("colour", String(10), nullable=False, default="it's red"))
    jobs.append_column(Column("starred", Boolean, nullable=False, default=False))
    jobs.append_column(Column("wins", Integer))
    Index("palitra_jobs_colour", jobs.c.colour)
    Table("palitra_new", made, Column("id", Integer, primary_key=True))
    return made


def test_added_columns_take_their_defaults_in_old_rows(bare):
    migrate_tables(bare)
    with bare.begin() as connection:
        connection.execute(insert(JOBS).values(**OLD))
    later = grown()
    migrate_tables(bare, later)
    jobs = later.tables["palitra_jobs"]
    with bare.connect() as connection:
        row = connection.execute(select(jobs)).one()
    assert (row.colour, row.starred, row.wins) == ("it's red", False, None)
    assert inspect(bare).has_table("palitra_new")
    assert "palitra_jobs_colour" in {i["name"] for i in inspect(bare).get_indexes("palitra_jobs")}


def test_steps_run_once_in_order_and_only_on_old_databases(bare):
    migrate_tables(bare)
    with bare.begin() as connection:
        connection.execute(insert(JOBS).values(**OLD))
    seen = []

    def rename(connection):
        seen.append("rename")
        connection.execute(update(JOBS).values(owner=JOBS.c.owner + "!"))

    steps = (Step("owners are renamed", rename), Step("nothing", lambda c: seen.append("second")))
    for _ in range(2):
        migrate_tables(bare, steps=steps)
    assert seen == ["rename", "second"]
    assert version(bare) == 2
    with bare.connect() as connection:
        assert connection.scalar(select(JOBS.c.owner)) == "ann!"


def test_a_fresh_database_needs_no_steps(bare):
    migrate_tables(bare, steps=(Step("never", lambda c: pytest.fail("a step on a fresh database")),))
    assert version(bare) == 1


def test_a_step_that_fails_leaves_the_database_as_it_was(bare):
    migrate_tables(bare)
    before = shape(bare)

    def fail(connection):
        connection.execute(text("ALTER TABLE palitra_jobs ADD COLUMN half TEXT"))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        migrate_tables(bare, grown(), (Step("fails", fail),))
    assert shape(bare) == before
    assert not inspect(bare).has_table("palitra_new")
    assert version(bare) == 0


def test_a_database_of_a_newer_palitra_is_refused(bare):
    migrate_tables(bare)
    with bare.begin() as connection:
        connection.execute(update(SCHEMA).values(version=7))
    with pytest.raises(InputError, match="`db` must be of version 0 or older, got 7"):
        migrate_tables(bare)


def test_a_column_that_cannot_be_added_needs_a_step(bare):
    migrate_tables(bare)
    later = grown()
    later.tables["palitra_jobs"].append_column(Column("must", Text, nullable=False))
    with pytest.raises(AssertionError, match=r"palitra_jobs.must needs a step"):
        migrate_tables(bare, later)


def test_many_at_once_migrate_once(settings):
    engines = [open_database(Settings(folder=settings.folder, db=settings.db).database_url) for _ in range(4)]
    failures = []

    def one(engine):
        try:
            migrate_tables(engine)
        except Exception as error:  # noqa: BLE001 - the assertion below shows it
            failures.append(error)

    threads = [threading.Thread(target=one, args=(e,)) for e in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert version(engines[0]) == 0
    for engine in engines:
        engine.dispose()
