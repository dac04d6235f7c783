"""An operator's own way to the studies of the settings' database and store, without the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from palitra.service.database import migrate, open_database
from palitra.service.files.blobs import BlobStore
from palitra.service.settings import Settings
from palitra.service.studies.making import Terms, make_study, remove_study
from palitra.service.studies.reading import count_finished, report_study
from palitra.service.studies.study import Study, close_study, find_study, list_studies
from palitra.study.exhibits import Show
from palitra.study.report import Report


class StudyDesk:
    """Makes, lists, closes, reads and removes studies."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._blobs = BlobStore(settings.store_url)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[StudyDesk]:
        """The database is brought up to date and closed in the end."""
        engine = open_database(settings.database_url)
        try:
            migrate(engine, settings.database_url)
            yield cls(settings, engine)
        finally:
            engine.dispose()

    def make(
        self, name: str, show: Show, terms: Terms, tick: Callable[[int], None] = lambda count: None
    ) -> str:
        """Make a study and return its address at the settings' host.

        Raises:
            InputError, ConflictError, DiskError: see `make_study`.
        """
        make_study(self._engine, self._blobs, name, show, terms, tick)
        return f"http://{self._settings.host}:{self._settings.port}/study/{name}"

    def all(self) -> list[tuple[Study, int]]:
        """Every study, the oldest first, with how many participants came to its end."""
        return [(study, count_finished(self._engine, study)) for study in list_studies(self._engine)]

    def close(self, name: str) -> None:
        """Take no more answers.

        Raises:
            NotFoundError: there is no such study.
        """
        close_study(self._engine, name)

    def remove(self, name: str) -> None:
        """Delete a study with its answers and pictures.

        Raises:
            NotFoundError: there is no such study.
        """
        remove_study(self._engine, self._blobs, name)

    def report(self, name: str, resamples: int = 1000, level: float = 0.95) -> Report:
        """The answers so far, in numbers.

        Raises:
            NotFoundError: there is no such study.
            InputError: settings out of bounds.
        """
        return report_study(self._engine, find_study(self._engine, name), resamples, level)
