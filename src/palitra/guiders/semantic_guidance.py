"""Semantic guidance with implicit masks (LEDITS++: Brack et al., arXiv 2311.16711).

    eps = eps_0 + sum_c M_c s_c (eps_c - eps_0)

Every concept c is pushed towards (s_c > 0) or away from (s_c < 0), each only where it belongs: M1 is where
the concept's words look, M2 where its guidance is strongest, M = M1 M2. Both keep the values not
below their own lambda quantile (eq. 12), per sample. In the noisiest times M1 stands alone, as in the
authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.errors import check_range
from palitra.taps.word_maps import MAPS, WordMaps

BLUR = 0.5
OFFICIAL_BLUR = BLUR * math.sqrt(2)
"""The authors' kernel divides by (2 sigma)^2 where a Gaussian has 2 sigma^2."""
MASKED_TIMES = 0.8
"""Share of the training times, from the clean end, in which M2 is used."""


@dataclass(frozen=True, eq=False)
class Concept:
    """What to push towards, or away from.

    words: what each token of the condition's text counts for M1, (B, tokens). amount: (B,), s_c; 0 leaves a
    row without the concept.
    """

    name: str
    condition: Condition
    words: Tensor
    amount: Tensor


@dataclass(frozen=True)
class Masking:
    """How the implicit masks are made.

    sites: the cross-attentions whose maps are summed to M1, all of one level. threshold: lambda, the share
    of the picture that each of the two masks leaves alone. noisiest: the last time with M2. blur: deviation
    of the 3 x 3 kernel that smooths the maps.

    Raises:
        InputError: `threshold` outside [0, 1].
    """

    sites: Sequence[str]
    threshold: float
    noisiest: int
    blur: float = BLUR

    def __post_init__(self) -> None:
        check_range("threshold", self.threshold, 0, 1)


class SemanticGuidance(Guider):
    """Combines the prediction of `empty` with concepts; `masking` None lets them act everywhere.

    allowed: (B, 1, h, w), 1 where the picture may change, or None. Cost: a branch for `empty` and for each
    concept, in one call, and the explicit maps of a few coarse attentions.
    """

    def __init__(
        self,
        empty: Condition,
        concepts: Sequence[Concept],
        masking: Masking | None,
        allowed: Tensor | None = None,
    ) -> None:
        self.concepts, self.masking, self.allowed = tuple(concepts), masking, allowed
        self.branches = (Branch("uncond", empty), *(Branch(c.name, c.condition) for c in concepts))
        if masking is not None and concepts:
            self.taps = (WordMaps(masking.sites, {c.name: c.words for c in concepts}),)

    def combine(self, step: Step, merged: Prediction | None) -> Prediction:
        """The base and what every concept adds to it."""
        base = step.predictions["uncond"]
        delta = torch.zeros_like(base.eps)
        for concept in self.concepts:
            guidance = step.predictions[concept.name].eps - base.eps
            if self.masking is not None:
                guidance = guidance * self._mask(concept, guidance, step, self.masking)
            delta = delta + concept.amount.view(-1, 1, 1, 1).to(guidance) * guidance
        if self.allowed is not None:
            delta = delta * self.allowed.to(delta)
        return base.plus_eps(delta, step.abar)

    def _mask(self, concept: Concept, guidance: Tensor, step: Step, masking: Masking) -> Tensor:
        """M of a concept, (B, 1, h, w) of zeros and ones."""
        maps = blurred(step.seen[concept.name, MAPS], masking.blur)
        words = F.interpolate(strongest(maps, masking.threshold), guidance.shape[-2:])
        if step.t > masking.noisiest:
            return words
        return words * strongest(guidance.abs().sum(1, keepdim=True), masking.threshold)


def strongest(values: Tensor, threshold: float) -> Tensor:
    """1 where values (B, 1, h, w) are not below their own quantile, else 0, float32."""
    flat = values.float().flatten(1)
    bound = flat.quantile(threshold, dim=1, keepdim=True)
    return (flat >= bound).float().view(values.shape)


def blurred(maps: Tensor, deviation: float) -> Tensor:
    """Maps (B, 1, h, w) smoothed by a 3 x 3 Gaussian, mirrored at the border."""
    side = math.exp(-0.5 / deviation**2)
    line = torch.tensor([side, 1.0, side], device=maps.device)
    kernel = line[:, None] * line / (1 + 2 * side) ** 2
    return F.conv2d(F.pad(maps.float(), (1, 1, 1, 1), mode="reflect"), kernel[None, None])
