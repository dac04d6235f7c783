"""What a method of editing is handed: photos as latents, words as conditions, the engine to run parts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from palitra.conditions.prompt_syntax import parse_prompt
from palitra.core.attention import AttentionTap
from palitra.core.compose import check
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.sampler import Sampler
from palitra.core.tap import Tap
from palitra.data.notes import Note
from palitra.guiders.cfg import Conditional
from palitra.guiders.keep_outside import KeepOutside
from palitra.guiders.source import PHOTO
from palitra.models.text_to_image import TextToImage
from palitra.recipes.editing.inversion_store import InversionStore, Tensors, entry_key
from palitra.samplers.ddim import DDIM
from palitra.samplers.inversion import Convention, ddim_inversion
from palitra.spec.edit import EditParams
from palitra.taps.prompt_tokens import PromptTokens, read_prompt

PUBLISHED_SCALE = 7.5
"""The guidance scale of Stable Diffusion that the methods' papers state theirs for."""


@dataclass
class Cost:
    """What a run took: network calls, samples in them, samples differentiated by the end of their graph."""

    calls: int = 0
    samples: int = 0
    backwards: Counter[str] = field(default_factory=Counter)

    def add(self, predictor: Predictor) -> None:
        """Count in what a predictor did."""
        self.calls += predictor.calls
        self.samples += predictor.samples
        self.backwards.update(predictor.backwards)


@dataclass(eq=False)
class EditJob:
    """A batch of edits of one method: row i turns photo i from `source` into `target` words.

    x0: latents (B, C, h, w). source, target: conditions of B rows; empty: of one. mask: (B, 1, h, w),
    1 where the picture may change, or None. thrift: 0 fast; 1 saves memory in
    gradients; 2 also guides fewer layers. photos: the photos' keys for the store. Everything that
    the network is asked on behalf of the job is counted in `cost`.
    """

    model: TextToImage
    params: EditParams
    x0: Tensor
    source: Condition
    target: Condition
    empty: Condition
    source_words: Sequence[str]
    target_words: Sequence[str]
    photos: Sequence[str]
    noise: Noise
    store: InversionStore
    mask: Tensor | None = None
    thrift: int = 0
    hooks: Hooks | None = None
    cost: Cost = field(default_factory=Cost)
    notes: list[Note] = field(default_factory=list)

    @property
    def times(self) -> list[int]:
        """`steps` times from noisy to clean, then -1.

        Spaced "leading" from 0, as all published editors do; so a model whose last training step is pure
        noise is never asked there, where no trajectory can be told from another.
        """
        return self.model.schedule.times(self.params.steps, "leading", 0)

    @property
    def ease(self) -> float:
        """2 (1 - strength): what holds the photo is multiplied by it; 1 at the default."""
        return 2 * (1 - self.params.strength)

    def scale(self, published: float = PUBLISHED_SCALE) -> float:
        """The guidance scale: the user's, or the method's published one in the model's measure."""
        if self.params.prompt_scale is not None:
            return self.params.prompt_scale
        return published * self.model.prompt_scale / PUBLISHED_SCALE

    def trajectory(
        self, condition: Condition | None = None, convention: Convention = "noisy", words: Sequence[str] = ()
    ) -> list[Tensor]:
        """The photos' latents at every time, noisiest first, inverted without guidance.

        condition: what the inversion is told, the source words unless given; then `words` name it.
        Rows that the store holds are not inverted again.
        """
        told = list(words) or list(self.source_words)
        if condition is None:
            condition = self.source
        keys = [
            entry_key("latents", photo, text, self.model.fingerprint, convention, *self.times)
            for photo, text in zip(self.photos, told, strict=True)
        ]

        def make(rows: list[int]) -> list[Tensors]:
            predictor = self.predictor([Conditional(condition.rows(rows))])
            _, path = ddim_inversion(predictor, self.x0[rows], self.times, self.hooks, convention)
            self.cost.add(predictor)
            return [{"latents": latents} for latents in torch.stack(path, 1)]

        return self.by_step(self.kept(keys, make), "latents")

    def kept(self, keys: Sequence[str], make: Callable[[list[int]], Sequence[Tensors]]) -> list[Tensors]:
        """An entry of the store for every row; rows of one key share it.

        make: asked once, with a row of every key that the store does not hold, for these rows' entries.
        """
        found = {key: self.store.get(key) for key in dict.fromkeys(keys)}
        missing = [keys.index(key) for key, entry in found.items() if entry is None]
        if missing:
            for row, made in zip(missing, make(missing), strict=True):
                found[keys[row]] = {name: value.cpu() for name, value in made.items()}
                self.store.put(keys[row], made)
        return [entry for key in keys if (entry := found[key]) is not None]

    def by_step(self, entries: Sequence[Tensors], name: str) -> list[Tensor]:
        """Tensors (T, …) of the rows' entries as a list over time of (B, …)."""
        rows = torch.stack([entry[name] for entry in entries], 1)
        return list(rows.to(self.x0.device).unbind(0))

    def words(self, words: str) -> PromptTokens:
        """The tokens of one of the job's prompts, as it was encoded."""
        tokenizer = self.model.tokenizer
        assert self.target.text is not None
        windows = self.target.text.shape[1] // int(tokenizer.model_max_length)
        return read_prompt(tokenizer, [piece.text for piece in parse_prompt(words)], windows)

    def predictor(
        self,
        guiders: Sequence[Guider],
        taps: Sequence[Tap | AttentionTap] = (),
        tracks: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> Predictor:
        """A fresh predictor over the model."""
        thrifty = self.thrift > 0
        return Predictor(self.model.denoiser, self.model.schedule, guiders, taps, tracks, thrifty)

    def run(
        self,
        guiders: Sequence[Guider],
        start: Any,
        *,
        sampler: Sampler | None = None,
        taps: Sequence[Tap | AttentionTap] = (),
        tracks: Mapping[str, Sequence[Tensor]] | None = None,
        first: int = 0,
        path: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Check the parts, sample from `start` (the state before step `first`), and give the latents.

        With a mask, what lies outside is put back on the photo's `path` (else its track) after each step.
        """
        sampler = sampler or DDIM(self.model.schedule)
        path = path or (tracks or {}).get(PHOTO)
        if self.mask is not None and path is not None and not getattr(sampler, "coupled", False):
            guiders = [*guiders, KeepOutside(self.mask, path)]
        check(self.model.denoiser, sampler, guiders, taps, tracks, len(self.times) - 1)
        predictor = self.predictor(guiders, taps, tracks)
        state = sample(sampler, predictor, start, self.times, self.noise, self.hooks, first)
        self.cost.add(predictor)
        return sampler.image(state)
