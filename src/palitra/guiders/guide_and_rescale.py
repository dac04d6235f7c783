"""Guide-and-Rescale (arXiv 2409.01322): energies against the photo's path, their gradient rescaled.

In the first steps of the edit the photo's prompt is run on the edit's own latent, with a graph, and its
self-attention maps and features are pulled towards those of the photo's latent. The gradient g joins
classifier-free guidance, eps_0 + c + gamma g with c = w (eps_y - eps_0), where gamma holds the ratio
r = ||g|| / ||c|| within [low, high] (section 4.3), here per sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.balance import norms
from palitra.core.branch import Branch
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.step import Step
from palitra.core.tap import Record, Tap
from palitra.guiders.source import PHOTO
from palitra.taps.attention_distance import AttentionDistance

REFERENCE = "reference"
CURRENT = "source on the edit"


@dataclass(frozen=True)
class GuideAndRescaleConfig:
    """What the released configurations set.

    self_attention: weight of the self-attention energy over `attention_sites`. appearance: weight of
    mean |F - F*| at `appearance_site` with the photo's prompt. style: weight of mean (F - F*)^2 at
    `style_site` with the wish's prompt. guided: share of the steps. low, high: bounds of ||g|| / ||c||.
    """

    self_attention: float
    appearance: float
    style: float
    guided: float
    low: float
    high: float
    attention_sites: tuple[str, ...]
    appearance_site: str
    style_site: str
    explicit: bool = False


class GuideAndRescale(Guider):
    """Adds the rescaled gradient to the prediction while `guided` lasts.

    source: the photo's prompt. kept: what the photo's own pass left at (time, site), when it was kept;
    without it the photo's latent, on the trajectory `photo`, is run with every guided step.
    Cost of a guided step: one forward and one backward of the source on the edit, a backward up to
    `style_site` when `style` > 0, and one forward of the photo unless kept.
    """

    def __init__(
        self,
        config: GuideAndRescaleConfig,
        source: Condition,
        kept: Mapping[tuple[int, str], Tensor] | None = None,
        target: str = "target",
        negative: str = "uncond",
    ) -> None:
        self.config, self.kept, self.target, self.negative = config, kept, target, negative
        c = config
        self.current = (Branch(CURRENT, source),) if c.self_attention or c.appearance else ()
        self.reference = (Branch(REFERENCE, source, PHOTO),) if kept is None else ()
        self.branches = (*self.reference, *self.current)
        self.gradient_branches = (
            *((CURRENT,) if self.current else ()),
            *((target,) if c.style else ()),
        )
        self.taps = self._taps()

    def _taps(self) -> tuple[Tap | AttentionTap, ...]:
        c = self.config
        taps: list[Tap | AttentionTap] = []
        if c.self_attention and c.attention_sites:
            sites = "|".join(c.attention_sites)
            if self.reference:
                taps.append(Record(inputs_of(c.attention_sites), (REFERENCE,)))
            taps.append(AttentionDistance(sites, CURRENT, self._photo, c.explicit))
        if c.appearance:
            taps.append(Record(c.appearance_site, (*self._reference_names(), CURRENT)))
        if c.style:
            taps.append(Record(c.style_site, (*self._reference_names(), self.target)))
        return tuple(taps)

    def _reference_names(self) -> tuple[str, ...]:
        return (REFERENCE,) if self.reference else ()

    def _photo(self, site: str, step: Step) -> Tensor:
        """The photo's value at a site."""
        return step.seen[REFERENCE, site] if self.kept is None else self.kept[step.t, site]

    def acts(self, index: int, count: int) -> bool:
        """In the first steps but the very first, where edit and photo are one latent and every energy is 0.

        There the gradient is rounding, which the lower bound of the ratio would blow up to full size.
        """
        return 0 < index < round(self.config.guided * count)

    def branches_at(self, index: int, count: int) -> tuple[Branch, ...]:
        """Nothing is run for an energy that is over."""
        return self.branches if self.acts(index, count) else ()

    def energy(self, step: Step) -> Tensor:
        """Weighted sum of the energies, (B,); streamed attention energies add their gradient only."""
        c = self.config
        total = torch.zeros(len(step.x), device=step.x.device)
        if c.self_attention:
            total = total + c.self_attention * sum(step.seen[CURRENT, s] for s in c.attention_sites)
        if c.appearance:
            f, photo = step.seen[CURRENT, c.appearance_site], self._photo(c.appearance_site, step)
            total = total + c.appearance * (f.float() - photo.float()).abs().mean((1, 2, 3))
        if c.style:
            f, photo = step.seen[self.target, c.style_site], self._photo(c.style_site, step)
            total = total + c.style * (f.float() - photo.float()).square().mean((1, 2, 3))
        return total

    def balance(self, gradient: Tensor, step: Step, merged: Prediction, shift: Tensor | None) -> Tensor:
        """Gamma g, measured against the guidance c, which holds its scale already."""
        guidance = merged.eps - step.predictions[self.negative].eps
        return rescale(gradient, guidance, self.config.low, self.config.high)


def rescale(gradient: Tensor, guidance: Tensor, low: float, high: float) -> Tensor:
    """Gamma g per sample, gamma = clip(r, low, high) / r with r = ||g|| / ||c||; r = 1 where c is 0."""
    g, c = norms(gradient), norms(guidance)
    r = torch.where(c > 0, g / c.clamp_min(1e-30), torch.ones_like(g))
    gamma = torch.where(g > 0, r.clamp(low, high) / r.clamp_min(1e-30), torch.zeros_like(g))
    usable = torch.isfinite(g)
    return torch.where(usable, gamma * torch.where(usable, gradient, 0.0), 0.0)


def inputs_of(attention_sites: tuple[str, ...]) -> str:
    """Pattern of the queries and keys of attentions given by their `attend` sites."""
    stems = [s.removesuffix("attend") for s in attention_sites]
    return "|".join(f"{stem}{part}" for stem in stems for part in ("q", "k"))
