"""Drafts: the live way from a sketch to a picture, as a recipe, and as what `polish` begins with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.progress import Hooks
from palitra.data.images import to_tensor
from palitra.data.sketch_input import Sketch
from palitra.errors import InputError
from palitra.recipes.generate import OnPicture, finish, make_plan, seeds_of
from palitra.recipes.live_sketch import LiveSketcher, LiveWish
from palitra.recipes.picture import Picture, Run
from palitra.recipes.sketch_codec import pack_sketch
from palitra.spec.recipes import SketchToImageParams

FULL = 0.6
"""Fidelity at which an adapter's maps are added as they were trained."""
STRONGEST = 1.5


def draft_sketch(
    live: LiveSketcher,
    sketch: Sketch,
    params: SketchToImageParams,
    *,
    strictness: Tensor | None = None,
    hooks: Hooks | None = None,
    on_picture: OnPicture | None = None,
    seeds: list[int] | None = None,
) -> Run:
    """Draw `params.n` drafts, one after the other.

    Steps and sampler are the live way's own. `fidelity` scales the adapter's maps, or is the dial of sketch
    guidance where there is no adapter. strictness: (1, 1, H, W) in [0, 1]; lines fade where it is 0. `seeds`
    repeats pictures of an earlier run.

    Raises:
        Cancelled: asked by `hooks`; pictures already handed to `on_picture` are finished.
        InputError: `best_of`, which needs guidance to compare seeds; `polish`, which is done to drafts.
    """
    if params.best_of is not None:
        raise InputError(f"`best_of` must be left out of drafts, got {params.best_of}: take quality best")
    if params.polish is not None:
        raise InputError(f"`polish` must be left out of drafts, got {params.polish:g}: take quality normal")
    began, calls, samples = time.perf_counter(), live.calls, live.samples
    plan = make_plan(live.model, params)
    paper, packed = _paper(live, sketch, strictness), pack_sketch(sketch, strictness)
    pictures: list[Picture] = []
    for seed in seeds or seeds_of(params, params.n):
        image = live.picture(paper, _wish(params, seed), hooks)
        made = {"batches": [[seed]], "sketch": packed, "live": live.made_with}
        picture = finish(plan, image, seed, [seed], **made)
        pictures.append(picture)
        if on_picture:
            on_picture(picture)
    notes = tuple(note.text("en") for note in sketch.notes)
    spent = time.perf_counter() - began
    calls, samples = live.calls - calls, live.samples - samples
    return Run(pictures, spent, calls, samples, live.model.name, str(live.model.device), notes)


class Drafts:
    """Live drafts to be polished: called with seeds (B) it gives their clean latents (B, C, h, w)."""

    def __init__(
        self,
        live: LiveSketcher,
        sketch: Sketch,
        params: SketchToImageParams,
        strictness: Tensor | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self._live, self._params = live, params
        self._paper = _paper(live, sketch, strictness)
        # steps of drafts are not steps of the picture
        self._hooks = Hooks(cancelled=hooks.cancelled) if hooks else None
        self.made_with = live.made_with

    def __call__(self, seeds: Sequence[int]) -> Tensor:
        """One draft after the other, each by its own seed."""
        wishes = [_wish(self._params, seed) for seed in seeds]
        return torch.cat([self._live.latent(self._paper, wish, self._hooks) for wish in wishes])


def _paper(live: LiveSketcher, sketch: Sketch, strictness: Tensor | None) -> Tensor:
    paper = to_tensor(sketch.picture.convert("RGB"))[:, :1]
    if strictness is None:
        return paper
    return 1 - (1 - paper) * F.adaptive_avg_pool2d(strictness.float(), live.model.size)


def _wish(params: SketchToImageParams, seed: int) -> LiveWish:
    strength = min(STRONGEST, params.fidelity / FULL)
    return LiveWish(params.prompt, seed, params.negative, params.prompt_scale, params.dial(), strength)


def check_same_live(recipe: Mapping[str, Any], live: LiveSketcher) -> None:
    """Refuse a draft, polished or not, of other live weights, or of none where there are some now.

    Raises:
        InputError: they differ.
    """
    if recipe.get("live") != live.made_with:
        raise InputError(
            f"`file` is a draft made with other live weights ({recipe.get('live')}), "
            f"these are {live.made_with}"
        )
