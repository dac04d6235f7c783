"""An operator may pause the queue: what runs goes on, nothing new begins, everything is still accepted."""

from __future__ import annotations

from sqlalchemy import Engine, delete, insert, select

from palitra.service.tables import FLAGS

_PAUSED = "paused"


def is_paused(engine: Engine) -> bool:
    """Whether workers are to begin nothing new."""
    with engine.connect() as connection:
        return connection.scalar(select(FLAGS.c.name).where(FLAGS.c.name == _PAUSED)) is not None


def set_paused(engine: Engine, paused: bool) -> None:
    """Pause or go on; it holds over restarts."""
    with engine.begin() as connection:
        connection.execute(delete(FLAGS).where(FLAGS.c.name == _PAUSED))
        if paused:
            connection.execute(insert(FLAGS).values(name=_PAUSED))
