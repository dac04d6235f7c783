"""Draws jobs with the recipes: together where they may, alone where seeds compete."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from palitra.core.progress import Hooks, StepEvent
from palitra.data.sketch_input import Sketch
from palitra.errors import Cancelled, OutOfMemoryError
from palitra.recipes.generate import LARGEST_BATCH, chunks, seeds_of
from palitra.recipes.picture import Picture
from palitra.recipes.together import Wish, draw_together
from palitra.service.files.blobs import BlobStore
from palitra.service.jobs.job import Job
from palitra.service.workers.class_painter import paint_classes
from palitra.service.workers.desk import Told
from palitra.service.workers.edit_painter import EditPainter
from palitra.service.workers.models import Loaded, Models, measured
from palitra.spec.build import recipe_params
from palitra.spec.classes import ClassesParams
from palitra.spec.recipes import SketchToImageParams, WordsParams
from palitra.studio import read_strictness
from palitra.zoo.embedded import ClassModel, class_models, find_class_model


class RecipePainter:
    """The painter of the service: models from a cache, inputs from the blob store."""

    def __init__(
        self,
        models: Models,
        blobs: BlobStore,
        classes: Mapping[str, ClassModel] | None = None,
        edits: EditPainter | None = None,
    ) -> None:
        self.models, self.blobs = models, blobs
        self.edits = edits or EditPainter(blobs)
        self.classes = class_models() if classes is None else classes
        self.seconds: dict[str, float] = {}

    def together(self, job: Job) -> bool:
        """Seeds of `best_of` compete in their job; classes, edits and drafts fill their own batches."""
        if job.params.get("recipe") in ("classes", "edit"):
            return False
        alone = job.params.get("best_of") is not None or job.params.get("polish") is not None
        return not alone and job.params.get("quality", "normal") == "normal"

    def paint(self, jobs: Sequence[Job], told: Told) -> None:
        """Draw jobs of one batch key. One that alone is too much is tried once more, with all else let go."""
        if jobs[0].params["recipe"] == "classes":
            self._classes(jobs[0], told)
            return
        loaded = self.models.get(str(jobs[0].params["model"]))
        draw = self._edit if jobs[0].params["recipe"] == "edit" else self._draw
        try:
            draw(loaded, jobs, told)
        except OutOfMemoryError:
            if len(jobs) > 1:
                raise  # the desk tries each alone
            self.models.let_others_go(loaded)
            draw(loaded, jobs, told, most_rows=1)

    def _draw(self, loaded: Loaded, jobs: Sequence[Job], told: Told, most_rows: int = LARGEST_BATCH) -> None:
        began = time.perf_counter()
        wishes = [self._wish(loaded, job, place, told) for place, job in enumerate(jobs)]
        sketched = any(w.sketch is not None for w in wishes)
        what = "sketch" if sketched else "words"
        rows = min(most_rows, self.models.rows(loaded, sketched, what))
        asked = sum(job.total // int(job.params["steps"]) for job in jobs)
        with measured(loaded, what, min(rows, asked)):
            if self.together(jobs[0]):
                edges = loaded.studio.predictor()[0] if sketched else None
                draw_together(loaded.studio.model, wishes, _Heard(loaded, told), edges, rows)
            else:
                _draw_best(loaded, wishes[0], told, rows)
        pictures = sum(int(job.params["n"]) for job in jobs)
        self.seconds[jobs[0].cost_key] = (time.perf_counter() - began) / pictures

    def _edit(self, loaded: Loaded, jobs: Sequence[Job], told: Told, most_rows: int = LARGEST_BATCH) -> None:
        (job,) = jobs
        began = time.perf_counter()
        what = f"edit/{job.params['method']}"
        n = int(job.params["n"])
        rows = min(most_rows, self.models.rows(loaded, True, what))
        with measured(loaded, what, min(rows, n)):
            self.edits.paint(loaded, job, told, rows)
        pictures = n * len(str(job.params["target"]).splitlines())
        self.seconds[job.cost_key] = (time.perf_counter() - began) / pictures

    def _classes(self, job: Job, told: Told) -> None:
        params = recipe_params(job.params)
        assert isinstance(params, ClassesParams)
        generator = self.models.classes(find_class_model(params.model, self.classes))
        began = time.perf_counter()
        paint_classes(generator, params, told)
        self.seconds[job.cost_key] = (time.perf_counter() - began) / params.n

    def _wish(self, loaded: Loaded, job: Job, place: int, told: Told) -> Wish:
        params = recipe_params(job.params)
        assert isinstance(params, WordsParams)
        if not isinstance(params, SketchToImageParams):
            return Wish(params)
        sketch: Sketch = loaded.studio.prepare(self.blobs.get(job.inputs["sketch"]))
        told.notes(place, [{"code": n.code, "params": dict(n.params)} for n in sketch.notes])
        given = job.inputs.get("strictness")
        strictness = read_strictness(io.BytesIO(self.blobs.get(given))) if given else None
        return Wish(params, sketch, strictness)


class _Heard:
    """Passes what `draw_together` says on to the desk."""

    def __init__(self, loaded: Loaded, told: Told) -> None:
        self._loaded, self._told = loaded, told

    def step(self, wish: int, done: int, total: int, x0: Tensor) -> None:
        self._told.progress(wish, done, total)
        if done < total and self._told.wants_preview(wish):
            self._told.preview(wish, self._loaded.previewer.jpeg(x0))

    def picture(self, wish: int, picture: Picture) -> None:
        self._told.picture(wish, picture)

    def dropped(self) -> set[int]:
        return self._told.dropped()


def _draw_best(loaded: Loaded, wish: Wish, told: Told, rows: int) -> None:
    from palitra.recipes.draft_sketch import draft_sketch
    from palitra.recipes.sketch_to_image import sketch_to_image

    assert isinstance(wish.params, SketchToImageParams)
    assert wish.sketch is not None
    begun = wish.params.begun() or wish.params.n
    total, done = begun * wish.params.steps, begun * wish.params.skipped()

    def on_step(event: StepEvent) -> None:
        nonlocal done
        done += len(event.latent)
        told.progress(0, min(done, total), total)
        if told.wants_preview(0):
            told.preview(0, loaded.previewer.jpeg(event.x0[0]))

    def on_picture(picture: Picture) -> None:
        told.picture(0, picture)

    hooks = Hooks(on_step, lambda: 0 in told.dropped())
    try:
        if wish.params.quality == "draft":
            draft_sketch(
                loaded.studio.live(),
                wish.sketch,
                wish.params,
                strictness=wish.strictness,
                hooks=hooks,
                on_picture=on_picture,
            )
            return
        sketch_to_image(
            loaded.studio.model,
            loaded.studio.predictor()[0],
            wish.sketch,
            wish.params,
            strictness=wish.strictness,
            hooks=hooks,
            on_picture=on_picture,
            batches=list(chunks(seeds_of(wish.params, begun), rows)),
            drafts=loaded.studio.drafts(wish.sketch, wish.params, wish.strictness, hooks),
        )
    except Cancelled:
        return
