"""Several people's wishes in shared network calls: every picture is what it would be alone.

Wishes of one batch key (`spec.dials.batch_key`) differ in words, seeds, numbers and sketches; these become
rows of the batch. A row leaves at the next step when its wish is dropped. Pictures equal those drawn
alone up to the rounding of batched products (about 1e-5 of a latent in float32, one grey level in 255).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from palitra.conditions.text import count_tokens, encode_prompts
from palitra.core.compose import check
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks, StepEvent
from palitra.core.rng import Noise
from palitra.data.sketch_input import Sketch
from palitra.errors import InputError
from palitra.guiders.sketch import SketchGuidance
from palitra.models.edge_predictor import EdgePredictor
from palitra.models.text_to_image import TextToImage
from palitra.recipes.choose_sampler import make_sampler
from palitra.recipes.generate import (
    LARGEST_BATCH,
    Plan,
    decode,
    finish,
    first_latent,
    memory_words,
    seeds_of,
)
from palitra.recipes.picture import Picture
from palitra.recipes.sketch_codec import pack_sketch
from palitra.recipes.sketch_to_image import edge_target, weight_map
from palitra.spec.dials import batch_key
from palitra.spec.recipes import SketchToImageParams, WordsParams


@dataclass(frozen=True, eq=False)
class Wish:
    """One job: its parameters and, for a sketch recipe, its drawing."""

    params: WordsParams
    sketch: Sketch | None = None
    strictness: Tensor | None = None


class Listener(Protocol):
    """Hears what happens to each wish, by its place in the list."""

    def step(self, wish: int, done: int, total: int, x0: Tensor) -> None:
        """`done` of the wish's `total` picture-steps; x0 (C, h, w) is its newest clean latent."""
        ...

    def picture(self, wish: int, picture: Picture) -> None:
        """A finished picture."""
        ...

    def dropped(self) -> set[int]:
        """Wishes that are no longer wanted; asked before every step."""
        ...


@dataclass(frozen=True)
class _Row:
    wish: int
    seed: int


@dataclass(eq=False)
class _Batch:
    """What one batch's rows are told and pulled towards."""

    plan: Plan
    rows: list[_Row]
    target: Tensor | None
    weight: Tensor | None

    def keep(self, index: Sequence[int]) -> _Batch:
        """Only the rows of `index`."""
        wanted = list(index)
        plan = Plan(
            self.plan.model,
            self.plan.params,
            self.plan.sampler,
            self.plan.times,
            self.plan.condition.rows(wanted),
            self.plan.negative.rows(wanted),
        )
        target = None if self.target is None else self.target[wanted]
        weight = None if self.weight is None else self.weight[wanted]
        return _Batch(plan, [self.rows[i] for i in wanted], target, weight)

    def predictor(self, edges: EdgePredictor | None) -> Predictor:
        """A fresh predictor for these rows."""
        guiders: list[Guider] = [self.plan.prompt_guider()]
        if self.target is not None and edges is not None:
            assert isinstance(self.plan.params, SketchToImageParams)
            guiders.append(SketchGuidance(edges, self.target, *self.plan.params.dial(), self.weight))
        check(self.plan.model.denoiser, self.plan.sampler, guiders)
        return self.plan.predictor(guiders)


def draw_together(
    model: TextToImage,
    wishes: Sequence[Wish],
    listener: Listener,
    edges: EdgePredictor | None = None,
    most_rows: int = LARGEST_BATCH,
) -> None:
    """Draw all pictures of all wishes, at most `most_rows` a network call; `listener` gets them.

    Raises:
        InputError: wishes of different batch keys, `best_of` or a draft (draw these alone), or a sketch
            without `edges`, the edge predictor.
        OutOfMemoryError: a batch does not fit.
    """
    if not wishes:
        return
    if len({batch_key(w.params) for w in wishes}) > 1:
        raise InputError(
            "`wishes` must be of one batch key: they differ in more than words, seeds and sketches"
        )
    first = wishes[0].params
    if isinstance(first, SketchToImageParams) and first.begun() is not None:
        raise InputError("`best_of` must be drawn alone: its seeds compete with each other")
    if isinstance(first, SketchToImageParams) and (first.quality == "draft" or first.polish is not None):
        raise InputError("drafts, polished or not, must be drawn alone: they have steps of their own")
    if any(w.sketch is not None for w in wishes) and edges is None:
        raise InputError("`edges` must be given: sketches need an edge predictor")
    done = [0] * len(wishes)
    for rows in _batches(model, wishes, most_rows):
        _draw(_prepare(model, wishes, rows, edges), wishes, listener, edges, done)


def _batches(model: TextToImage, wishes: Sequence[Wish], most: int) -> Iterator[list[_Row]]:
    """Rows by eights or fewer; prompts of other lengths go apart, as padding would change their picture."""

    def length(wish: int) -> int:
        params = wishes[wish].params
        longest = max(count_tokens(model.tokenizer, t) for t in (params.prompt, params.negative))
        return max(1, -(-longest // (model.tokenizer.model_max_length - 2)))

    for _, group in groupby(sorted(range(len(wishes)), key=length), key=length):
        rows = [_Row(w, seed) for w in group for seed in seeds_of(wishes[w].params, wishes[w].params.n)]
        for start in range(0, len(rows), most):
            yield rows[start : start + most]


def _prepare(
    model: TextToImage, wishes: Sequence[Wish], rows: list[_Row], edges: EdgePredictor | None
) -> _Batch:
    inside = sorted({row.wish for row in rows})
    place = [inside.index(row.wish) for row in rows]
    params = wishes[inside[0]].params
    with torch.inference_mode(False), torch.no_grad():
        wanted, unwanted = encode_prompts(
            model, [wishes[w].params.prompt for w in inside], [wishes[w].params.negative for w in inside]
        )
    sampler = make_sampler(params.sampler, model.schedule)
    times = model.schedule.times(params.steps, model.spacing, model.steps_offset)
    plan = Plan(model, params, sampler, times, _spread(wanted, place), _spread(unwanted, place))
    if not isinstance(params, SketchToImageParams):
        return _Batch(plan, rows, None, None)
    assert edges is not None
    targets, weights = [], []
    for w in inside:
        wish = wishes[w]
        if wish.sketch is None:
            raise InputError("`sketch` must be given: a drawing or a photo of one")
        targets.append(edge_target(model, edges, wish.sketch))
        weight = weight_map(plan, wish.sketch, wish.strictness, params.partial)
        side = targets[-1].shape[-2:]
        weights.append(torch.ones(1, 1, *side, device=model.device) if weight is None else weight)
    return _Batch(plan, rows, torch.cat(targets)[place], torch.cat(weights)[place])


def _spread(condition: Condition, place: list[int]) -> Condition:
    """One row per picture, also when there is only one wish."""
    return Condition(**{k: getattr(condition, k)[place] for k in condition.keys()})  # noqa: SIM118


def _draw(
    batch: _Batch, wishes: Sequence[Wish], listener: Listener, edges: EdgePredictor | None, done: list[int]
) -> None:
    plan, noise = batch.plan, Noise([row.seed for row in batch.rows], batch.plan.model.device)
    predictor = batch.predictor(edges)
    state = plan.sampler.start(first_latent(plan, noise))
    totals = [w.params.n * plan.count for w in wishes]

    def on_step(event: StepEvent) -> None:
        newest: dict[int, Tensor] = {}
        for row, x0 in zip(batch.rows, event.x0, strict=True):
            done[row.wish] += 1
            newest.setdefault(row.wish, x0)
        for wish, x0 in newest.items():
            listener.step(wish, done[wish], totals[wish], x0)

    with memory_words():
        for index in range(plan.count):
            gone = listener.dropped()
            keep = [i for i, row in enumerate(batch.rows) if row.wish not in gone]
            if not keep:
                return
            if len(keep) < len(batch.rows):
                batch, state = batch.keep(keep), plan.sampler.rows(state, keep)
                noise.keep(keep)
                predictor = batch.predictor(edges)
            state = sample(
                plan.sampler, predictor, state, plan.times, noise, Hooks(on_step), index, index + 1
            )
        images = decode(plan, plan.sampler.image(state))
    for row, image in zip(batch.rows, images, strict=True):
        listener.picture(row.wish, _picture(plan, wishes[row.wish], row, image))


def _picture(plan: Plan, wish: Wish, row: _Row, image: Image.Image) -> Picture:
    own = Plan(plan.model, wish.params, plan.sampler, plan.times, plan.condition, plan.negative)
    if wish.sketch is None:
        return finish(own, image, row.seed, [row.seed])
    packed = pack_sketch(wish.sketch, wish.strictness)
    return finish(own, image, row.seed, [row.seed], batches=[[row.seed]], sketch=packed)
