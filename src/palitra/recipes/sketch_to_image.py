"""A sketch and a few words to a picture: sketch guidance on any model with an edge predictor."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from palitra.core.compose import check
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.data.images import to_tensor
from palitra.data.sketch_input import Sketch
from palitra.errors import ComposeError, InputError
from palitra.guiders.sketch import SketchGuidance, stroke_band
from palitra.models.edge_predictor import EdgePredictor
from palitra.models.text_to_image import TextToImage
from palitra.recipes.draft_sketch import Drafts
from palitra.recipes.generate import (
    OnPicture,
    Plan,
    chunks,
    decode,
    finish,
    first_latent,
    make_plan,
    memory_words,
    seeds_of,
)
from palitra.recipes.picture import Picture, Run
from palitra.recipes.sketch_codec import pack_sketch
from palitra.spec.recipes import SketchToImageParams

CRITIC_AT = 0.4
"""Share of the steps after which `best_of` compares seeds."""


@dataclass(frozen=True)
class _Start:
    """Where the steps begin: at the first with noise, or later with noised drafts."""

    first: int
    drafts: Drafts | None

    def latent(self, plan: Plan, seeds: Sequence[int], noise: Noise) -> Tensor:
        """Noise of the seeds at the first step made, over their drafts."""
        eps = first_latent(plan, noise)
        if self.drafts is None or self.first == 0:
            return eps
        made = self.drafts(seeds).to(eps)
        if self.first == plan.count:
            return made
        abar = plan.model.schedule.signal(plan.times[self.first])
        return math.sqrt(abar) * made + math.sqrt(1 - abar) * eps


@dataclass(eq=False)
class _Begun:
    """One batch on its way: its seeds, latents, random streams and what it cost so far."""

    seeds: list[int]
    latent: Tensor
    noise: Noise
    predictor: Predictor
    errors: list[float]


def sketch_to_image(
    model: TextToImage,
    predictor: EdgePredictor,
    sketch: Sketch,
    params: SketchToImageParams,
    *,
    strictness: Tensor | None = None,
    hooks: Hooks | None = None,
    on_picture: OnPicture | None = None,
    batches: list[list[int]] | None = None,
    drafts: Drafts | None = None,
) -> Run:
    """Draw `params.n` pictures that keep the sketch's shape.

    strictness: (1, 1, H, W) in [0, 1], where the sketch binds (1) and where the model is free (0).
    batches: repeats given batches of seeds. With `best_of`, that many seeds are begun, the critic ranks
    them by the error of their predicted edges after 40 % of the steps, and the best n are finished; quality
    "best" begins eight times n. Drafts are `palitra.recipes.draft_sketch`'s. drafts: needed by
    `params.polish`, by which the first steps are left out and noised drafts are gone on with.

    Cost per guided step: two forwards and one backward through the conditional half up to the last tap.

    Raises:
        ComposeError: the predictor was trained for another model layout.
        InputError: `best_of` below `n`, or without guidance.
    """
    assert (drafts is None) == (params.polish is None)
    began = time.perf_counter()
    plan = make_plan(model, params)
    beta, stop = params.dial()
    total, compared = params.begun() or params.n, params.begun() is not None
    _check_best_of(params)
    target = edge_target(model, predictor, sketch)
    weight = weight_map(plan, sketch, strictness, params.partial)
    first, middle = params.skipped(), plan.count
    if compared:
        middle = max(first + 1, round(min(CRITIC_AT, 1 - stop) * plan.count))
    everything = batches or list(chunks(seeds_of(params, total)))
    start = _Start(first, drafts)
    dial = (beta, stop)
    begun = (_begin(plan, predictor, target, weight, dial, s, start, middle, hooks) for s in everything)
    # the critic needs every batch begun; otherwise each is finished, and handed out, before the next begins
    running: Iterable[_Begun] = list(begun) if compared else begun
    done: list[_Begun] = []
    keep: set[int] | None = None
    if compared:
        errors = {s: e for r in running for s, e in zip(r.seeds, r.errors, strict=True)}
        keep = set(sorted(errors, key=errors.__getitem__)[: params.n])
    pictures: list[Picture] = []
    for run in running:
        done.append(run)
        for seed, image in _finish(plan, run, middle, keep, hooks):
            made: dict[str, Any] = {"batches": everything, "sketch": pack_sketch(sketch, strictness)}
            if drafts is not None:
                made["live"] = drafts.made_with
            pictures.append(finish(plan, image, seed, run.seeds, **made))
            if on_picture:
                on_picture(pictures[-1])
    scores = {s: e for r in done for s, e in zip(r.seeds, r.errors, strict=True)}
    pictures.sort(key=lambda p: scores.get(p.seed, 0.0) if compared else p.seed)
    return Run(
        pictures,
        time.perf_counter() - began,
        sum(r.predictor.calls for r in done),
        sum(r.predictor.samples for r in done),
        model.name,
        str(model.device),
        tuple(note.text("en") for note in sketch.notes),
        scores,
    )


def _check_best_of(params: SketchToImageParams) -> None:
    if params.best_of is None:
        return
    if params.best_of < params.n:
        raise InputError(f"`best_of` must be at least `n` = {params.n}, got {params.best_of}")
    beta, stop = params.dial()
    if beta == 0 or stop == 1:
        raise InputError(f"`best_of` needs `fidelity` above 0 to compare seeds, got {params.fidelity:g}")
    if params.guided() == 0:
        raise InputError(
            f"`best_of` needs `polish` above {stop:g}, the share of the steps without guidance, "
            f"got {params.polish}"
        )


@torch.no_grad()
def edge_target(model: TextToImage, predictor: EdgePredictor, sketch: Sketch) -> Tensor:
    """The latent E(e) (1, C, h, w) of the sketch drawn black on white."""
    if predictor.config.latent_channels != model.autoencoder.channels:
        raise ComposeError(
            f"the edge predictor gives latents of {predictor.config.latent_channels} channels and "
            f"model `{model.name}` has {model.autoencoder.channels}: train one with `palitra train sketch`"
        )
    if sketch.picture.size != (model.size, model.size):
        raise ComposeError(
            f"the sketch must be drawn at {model.size} px for `{model.name}`, got {sketch.picture.size[0]}"
        )
    picture = to_tensor(sketch.picture.convert("RGB")).to(model.device)
    return model.autoencoder.encode(picture * 2 - 1).float()


def weight_map(plan: Plan, sketch: Sketch, strictness: Tensor | None, partial: bool) -> Tensor | None:
    """Where the sketch binds, (1, 1, h, w); None when it binds everywhere."""
    size = plan.latent_shape[1:]
    weight: Tensor | None = None
    if strictness is not None:
        weight = torch.nn.functional.adaptive_avg_pool2d(strictness.float(), size)
    if partial:
        band = stroke_band(torch.from_numpy(sketch.lines)[None, None], size)
        weight = band if weight is None else weight * band
    return None if weight is None else weight.to(plan.model.device)


def _begin(
    plan: Plan,
    predictor: EdgePredictor,
    target: Tensor,
    weight: Tensor | None,
    dial: tuple[float, float],
    seeds: list[int],
    start: _Start,
    until: int,
    hooks: Hooks | None,
) -> _Begun:
    """Make the steps of one batch up to `until`."""
    beta, stop = dial
    guidance = SketchGuidance(predictor, target, beta, stop, weight)
    guiders = [plan.prompt_guider(), guidance]
    check(plan.model.denoiser, plan.sampler, guiders)
    run, noise = plan.predictor(guiders), Noise(seeds, plan.model.device)
    with memory_words():
        x = start.latent(plan, seeds, noise)
        state = sample(plan.sampler, run, x, plan.times, noise, hooks, start.first, until)
    errors = [0.0] * len(seeds) if guidance.errors is None else guidance.errors.tolist()
    return _Begun(seeds, plan.sampler.image(state), noise, run, errors)


def _finish(
    plan: Plan, run: _Begun, since: int, keep: set[int] | None, hooks: Hooks | None
) -> list[tuple[int, Any]]:
    """Go on with the wanted seeds of a batch and decode them."""
    rows = [i for i, seed in enumerate(run.seeds) if keep is None or seed in keep]
    if not rows:
        return []
    run.noise.keep(rows)
    with memory_words():
        state = sample(
            plan.sampler, run.predictor, run.latent[rows], plan.times, run.noise, hooks, first=since
        )
        images = decode(plan, plan.sampler.image(state))
    return list(zip([run.seeds[i] for i in rows], images, strict=True))
