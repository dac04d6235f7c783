"""Puts image filters between a painter and everybody else."""

from __future__ import annotations

from collections.abc import Sequence

from palitra.errors import ContentRefusedError, PalitraError
from palitra.recipes.picture import Picture
from palitra.service.filters.filter import Filters
from palitra.service.jobs.job import Job
from palitra.service.settings import Settings
from palitra.service.workers.desk import Painter, Told


class ScreenedPainter:
    """A painter whose pictures are checked before they are kept. There are no previews.

    A job with a picture that was held back fails with `content_refused`; its other pictures are kept.
    """

    def __init__(self, painter: Painter, filters: Filters) -> None:
        self.painter, self.filters = painter, filters

    @property
    def seconds(self) -> dict[str, float]:
        """What the painter measured."""
        measured: dict[str, float] = getattr(self.painter, "seconds", {})
        return measured

    def together(self, job: Job) -> bool:
        """As the painter says."""
        return self.painter.together(job)

    def paint(self, jobs: Sequence[Job], told: Told) -> None:
        """Draw and check. The job of a picture that is held back fails; its mates need not be drawn again."""
        self.painter.paint(jobs, _Screen(self.filters, jobs, told))


class _Screen:
    """Passes on what may be told."""

    def __init__(self, filters: Filters, jobs: Sequence[Job], told: Told) -> None:
        self._filters, self._jobs, self._told = filters, jobs, told

    def picture(self, place: int, picture: Picture) -> None:
        try:
            # the name of a class or of a wish says what its pictures are to show
            words = self._jobs[place].params.get("prompt", picture.name)
            self._filters.check_image(picture.image, str(words))
        except ContentRefusedError as error:
            self._told.refused(place, error)
        else:
            self._told.picture(place, picture)

    def wants_preview(self, place: int) -> bool:
        return False

    def preview(self, place: int, jpeg: bytes) -> None:
        """A half-drawn picture cannot be checked, so it is not told."""

    def progress(self, place: int, done: int, total: int) -> None:
        self._told.progress(place, done, total)

    def notes(self, place: int, notes: Sequence[dict[str, object]]) -> None:
        self._told.notes(place, notes)

    def refused(self, place: int, error: PalitraError) -> None:
        self._told.refused(place, error)

    def dropped(self) -> set[int]:
        return self._told.dropped()


def screened(painter: Painter, settings: Settings) -> Painter:
    """The painter behind the image filters that the settings name; itself when there are none."""
    filters = Filters.open(settings)
    return ScreenedPainter(painter, filters) if filters.images else painter
