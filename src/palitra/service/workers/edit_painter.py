"""Draws a job of edits: one wish after another, so that the first finds the photo's inversion for all."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image
from torch import Tensor

from palitra.core.progress import Hooks, StepEvent
from palitra.data.images import open_image, to_tensor
from palitra.data.notes import Note, note
from palitra.data.photo_frame import PhotoFrame
from palitra.errors import Cancelled, ConsentError
from palitra.recipes.edit import edit
from palitra.recipes.editing.automatic_strength import CANDIDATES, STEPS_SHARE
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.source_words import suggest_source
from palitra.recipes.generate import LARGEST_BATCH, chunks, seeds_of
from palitra.recipes.picture import Picture
from palitra.service.files.blobs import BlobStore
from palitra.service.jobs.consent import speaks_of_people
from palitra.service.jobs.job import Job
from palitra.service.workers.desk import Told
from palitra.service.workers.inversions import drop_old
from palitra.service.workers.models import Loaded
from palitra.spec.build import recipe_params
from palitra.spec.edit import EditParams

KEEP_S = 3600.0
MOST_BYTES = 2 * 2**30


class EditPainter:
    """Edits photos; inversions are kept in memory and, with a folder, for a while on disk.

    Photos of people leave nothing behind: their inversions live as long as their job.
    """

    def __init__(
        self,
        blobs: BlobStore,
        folder: Path | None = None,
        keep_s: float = KEEP_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.blobs, self.folder, self.keep_s = blobs, folder, keep_s
        self.store = InversionStore(folder if keep_s > 0 else None, disk_bytes=most_bytes)

    def paint(self, loaded: Loaded, job: Job, told: Told, rows: int = LARGEST_BATCH) -> None:
        """Draw for one job, at most `rows` pictures at once; it stops within a step when not wanted any more.

        Raises:
            ConsentError: nobody said what the photo shows, and it looks like a person who was not asked.
            PalitraError: as `palitra.recipes.edit.edit`.
        """
        params = recipe_params(job.params)
        assert isinstance(params, EditParams)
        photo, mask = self._picture(job, "photo"), self._picture(job, "mask")
        assert photo is not None
        self.drop_old()
        frame, notes = PhotoFrame.of(photo.size, loaded.studio.model.size), list[Note]()
        if not params.source.strip():
            params = _guessed(params, to_tensor(frame.place(photo))[0], job.consent)
            notes.append(note("source_guessed", words=params.source))
        store = InversionStore() if job.consent else self.store
        heard = _Heard(loaded, told, params, frame, notes)
        try:
            for turn, part in _parts(params, rows):
                heard.begin(turn, part.n)
                edit(
                    loaded.studio.model,
                    photo,
                    part,
                    mask=mask,
                    store=store,
                    hooks=heard.hooks,
                    on_picture=heard.picture,
                    on_notes=heard.notes,
                )
                heard.ended()
        except Cancelled:
            return

    def drop_old(self) -> None:
        """Forget inversions on disk that nobody has asked for in a while."""
        if self.folder is not None:
            drop_old(self.folder, self.keep_s)

    def _picture(self, job: Job, name: str) -> Image.Image | None:
        if name not in job.inputs:
            return None
        return open_image(io.BytesIO(self.blobs.get(job.inputs[name])), name=name).image


def _guessed(params: EditParams, picture: Tensor, consent: bool) -> EditParams:
    """With a guess of what the photo (3, S, S) shows, one for all wishes."""
    source = suggest_source(picture)
    if not consent and speaks_of_people({"source": source}):
        raise ConsentError(
            "`consent` must be true for a photo that seems to show a person: who is in it must agree, "
            "got false"
        )
    return params.model_copy(update={"source": source})


def _parts(params: EditParams, rows: int) -> Iterator[tuple[int, EditParams]]:
    """Each wish by its number, with as many of its seeds as are drawn at once."""
    for turn, wish in enumerate(params.wishes()):
        for seeds in chunks(seeds_of(params, params.n), rows):
            yield turn, params.model_copy(update={"target": wish, "seed": seeds[0], "n": len(seeds)})


class _Heard:
    """Tells the desk how far a job is: half of a part is its inversion, half the steps of the edit.

    Inversions have no events, so each time they ask whether to stop counts as a step. Where a strength is
    chosen by tries, these come first and count for most of a part.
    """

    def __init__(
        self, loaded: Loaded, told: Told, params: EditParams, frame: PhotoFrame, notes: Sequence[Note]
    ) -> None:
        self._loaded, self._told, self._steps, self._frame = loaded, told, params.steps, frame
        tried = len(CANDIDATES) * STEPS_SHARE if params.auto_strength else 0
        self._tries = round(2 * tried * params.steps)
        self._total = params.work()
        self._finished = self._pictures = self._turn = self._asked = 0
        self._share = 0.0
        self._notes = list(notes)
        self.hooks = Hooks(self.step, self.cancelled)

    def begin(self, turn: int, pictures: int) -> None:
        """The next part."""
        self._turn, self._pictures, self._asked, self._share = turn, pictures, 0, 0

    def ended(self) -> None:
        """A part is done."""
        self._finished += self._pictures
        self._pictures = 0
        self._tell()

    def notes(self, notes: Sequence[Note]) -> None:
        """What was done to a part."""
        self._notes += [each for each in notes if each not in self._notes]
        if self._notes:
            self._told.notes(0, [{"code": n.code, "params": dict(n.params)} for n in self._notes])

    def cancelled(self) -> bool:
        """Whether to stop."""
        self._asked += 1
        if self._tries:
            self._grow(min(0.99, self._asked / (self._tries + 2 * self._steps)))
        elif self._share < 0.5:
            self._grow(min(0.49, self._asked / (2 * self._steps)))
        return 0 in self._told.dropped()

    def step(self, event: StepEvent) -> None:
        """A step of the edit."""
        if not self._tries:
            self._grow((1 + (event.index + 1) / event.count) / 2)
        if event.index + 1 < event.count and self._told.wants_preview(0):
            self._told.preview(0, self._loaded.previewer.jpeg(self._within(event.x0[0])))

    def picture(self, picture: Picture) -> None:
        """A finished picture."""
        self._told.picture(0, replace(picture, turn=self._turn))

    def _grow(self, share: float) -> None:
        self._share = max(self._share, share)
        self._tell()

    def _tell(self) -> None:
        done = (self._finished + self._share * self._pictures) * self._steps
        self._told.progress(0, min(self._total, round(done)), self._total)

    def _within(self, latent: Tensor) -> Tensor:
        """The photo's part of a latent (C, h, w)."""
        factor = self._loaded.studio.model.factor
        left, top, right, bottom = self._frame.box
        return latent[:, top // factor : -(-bottom // factor), left // factor : -(-right // factor)]
