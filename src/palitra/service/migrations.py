"""Brings our own tables to the shape this version of palitra needs, without losing a row.

What only adds (tables, columns that may be empty or have a fixed default, indexes) is found by comparing
`tables.py` with the database and needs nothing written here. Every other change is a numbered step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    delete,
    insert,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy.schema import CreateColumn

from palitra.errors import InputError
from palitra.service.tables import METADATA


@dataclass(frozen=True)
class Step:
    """A change that adding cannot make; `run` works within the transaction of the whole migration."""

    what: str
    run: Callable[[Connection], None]


STEPS: Final[tuple[Step, ...]] = ()
"""Step k leads from version k to k + 1. Append only: what has been released is never changed."""

SCHEMA = Table("palitra_schema", MetaData(), Column("version", Integer, nullable=False))
_LOCK = 0x70616C69  # any number that no other program takes


def migrate_tables(engine: Engine, metadata: MetaData = METADATA, steps: tuple[Step, ...] = STEPS) -> None:
    """Make what is missing, then take the steps that are missing: all of it or nothing.

    Several processes may call it at once: one works, the others wait and find nothing to do.

    Raises:
        InputError: the database was made by a newer palitra, whose tables this one does not know.
    """
    with engine.begin() as connection:
        _lock(connection)
        fresh = not inspect(connection).has_table("palitra_jobs")
        SCHEMA.create(connection, checkfirst=True)
        known = connection.scalar(select(SCHEMA.c.version))
        version = known if known is not None else (len(steps) if fresh else 0)
        if version > len(steps):
            raise InputError(
                f"`db` must be of version {len(steps)} or older, got {version}: a newer palitra made it"
            )
        _add_missing(connection, metadata)
        for step in steps[version:]:
            step.run(connection)
        if known != len(steps):
            connection.execute(delete(SCHEMA))
            connection.execute(insert(SCHEMA).values(version=len(steps)))


def _lock(connection: Connection) -> None:
    """Others wait until our transaction ends, and see all of it or none."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _add_missing(connection: Connection, metadata: MetaData) -> None:
    before = set(inspect(connection).get_table_names())
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        if table.name not in before:
            continue
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                _add_column(connection, table, column)
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _add_column(connection: Connection, table: Table, column: Column[object]) -> None:
    default = getattr(column.default, "arg", None) if column.default and column.default.is_scalar else None
    assert column.nullable or default is not None, f"{table.name}.{column.name} needs a step of its own"
    shape = str(CreateColumn(column).compile(dialect=connection.dialect)).strip()
    if default is not None:
        value = literal(default, column.type).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        shape += f" DEFAULT {value}"
    name = connection.dialect.identifier_preparer.format_table(table)
    connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {shape}")
