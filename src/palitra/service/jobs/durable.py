"""The names and formats that the API and the workers share with DBOS, which keeps the workflows."""

from __future__ import annotations

import logging
from typing import Final

from dbos import DBOSClient, DBOSPortableJSONSerializer

APPLICATION: Final = "palitra"
QUEUE: Final = "pictures"
WORKFLOW: Final = "draw"
VERSION: Final = "1"
"""Of the workflow's steps, not of the package: jobs accepted before an upgrade run after it."""


def system_url(url: str) -> str:
    """The URL for DBOS, which names no driver for PostgreSQL."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def open_client(url: str) -> DBOSClient:
    """A client that enqueues and cancels; it runs nothing. What is stored is JSON: nothing is unpickled."""
    quiet_dbos()
    return DBOSClient(
        system_database_url=system_url(url),
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
    )


def quiet_dbos() -> None:
    """DBOS tells its own start and stop at length; our logs say what matters."""
    logging.getLogger("dbos").setLevel(logging.WARNING)
