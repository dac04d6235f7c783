"""Turns branches and guiders into one guided prediction, with at most two network calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.branch import MAIN, Branch
from palitra.core.condition import join
from palitra.core.denoiser import Denoiser
from palitra.core.guider import Guider, overrides
from palitra.core.parametrise import Prediction, to_prediction
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.core.tap import Bus, Tap, concerns


@dataclass(frozen=True, eq=False)
class LatentGradient:
    """A gradient that waits for the step it is to be balanced against."""

    guider: Guider
    gradient: Tensor
    step: Step
    merged: Prediction


class Predictor:
    """Callable by samplers: (x, t, index, count, stage) -> Prediction.

    Branches without gradient run first in one batch, so that energies find their references; those
    that an acting energy differentiates follow, each in a call of its own, whose graph ends at the last
    place where a tap looks at it. When nothing acts, everything is one call. `calls` counts network
    calls, `samples` the samples they held, `backwards` the samples differentiated, by the site at which
    their graph ends ("" is the output). With `checkpoint`, gradients take less memory and a forward more.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        schedule: Schedule,
        guiders: Sequence[Guider],
        taps: Sequence[Tap | AttentionTap] = (),
        tracks: Mapping[str, Sequence[Tensor]] | None = None,
        checkpoint: bool = False,
    ) -> None:
        self.denoiser, self.schedule = denoiser, schedule
        self.guiders, self.taps, self.tracks = tuple(guiders), tuple(taps), dict(tracks or {})
        self.checkpoint = checkpoint
        self.calls = 0
        self.samples = 0
        self.backwards: Counter[str] = Counter()
        self.latent_gradients: list[LatentGradient] = []
        self.merged: Prediction | None = None

    def __call__(self, x: Tensor, t: int, index: int, count: int, stage: int = 0) -> Prediction:
        """Guided prediction for x (B, C, h, w) at time t, free of gradients."""
        # a second-order sampler asks twice per step; what moves the latent acts on the first answer
        acting = [g for g in self.guiders if g.acts(index, count) and (stage == 0 or g.into == "prediction")]
        differentiated = {name for g in acting for name in g.gradient_branches}
        x = x.detach().requires_grad_(bool(differentiated))
        step = Step(index, count, t, self.schedule.signal(t), x, stage)
        taps = (*self.taps, *(tap for g in acting for tap in g.taps))
        cut = not any(g.uses_prediction for g in acting)
        # one evaluation per name, whoever asks for it
        branches = {b.name: b for g in self.guiders for b in g.branches_at(index, count)}.values()
        plain = [b for b in branches if b.name not in differentiated]
        if plain:
            self._run(plain, step, taps, False, cut)
        for branch in branches:
            if branch.name in differentiated:
                self._run([branch], step, taps, True, cut)
        merged: Prediction | None = None
        with torch.no_grad():
            for guider in self.guiders:
                merged = guider.combine(step, merged)
        assert merged is not None, "no guider combines predictions"
        merged = self._steer(step, merged.detach(), acting)
        self.merged = merged
        return merged

    def _run(
        self, group: list[Branch], step: Step, taps: Sequence[Tap | AttentionTap], gradient: bool, cut: bool
    ) -> None:
        inputs = [step.x if b.track == MAIN else self.tracks[b.track][step.index] for b in group]
        here: dict[str, slice] = {}
        start = 0
        for branch, value in zip(group, inputs, strict=True):
            here[branch.name] = slice(start, start + len(value))
            start += len(value)
        condition = join([b.at(step.index).expand(len(v)) for b, v in zip(group, inputs, strict=True)])
        rows = Rows(here)
        bus = Bus(
            [t for t in taps if concerns(t, rows)], rows, step, gradient and cut, gradient and self.checkpoint
        )
        with torch.set_grad_enabled(gradient):
            output = self.denoiser(torch.cat(inputs), step.t, condition, bus)
            for branch, value in zip(group, inputs, strict=True):
                step.predictions[branch.name] = to_prediction(
                    output[here[branch.name]], value, step.abar, self.denoiser.parametrisation
                )
        self.calls += 1
        self.samples += start
        if gradient:
            last = [site for site in self.denoiser.sites if bus.wants(site)][-1:] if cut else []
            self.backwards["".join(last)] += start

    def _steer(self, step: Step, merged: Prediction, acting: Sequence[Guider]) -> Prediction:
        if step.stage == 0:
            self.latent_gradients = []
        # callers may sample under no_grad; energies need their graph all the same
        with torch.enable_grad():
            energies = [(g, g.energy(step)) for g in acting if overrides(g, "energy")]
        live = [(g, e) for g, e in energies if e is not None and e.requires_grad]
        for guider, energy in live:
            # samples do not meet inside the network, so the sum's gradient is every sample's own
            each, keep = torch.ones_like(energy), guider is not live[-1][0]
            (gradient,) = torch.autograd.grad(energy, step.x, each, retain_graph=keep)
            if guider.into == "prediction":
                merged = merged.plus_eps(guider.balance(gradient, step, merged, None), step.abar)
            else:
                self.latent_gradients.append(LatentGradient(guider, gradient, step, merged))
        # values that hold the graph must not outlive the step
        step.seen.update({key: value.detach() for key, value in step.seen.items()})
        step.predictions.update({name: p.detach() for name, p in step.predictions.items()})
        step.x = step.x.detach()
        return merged
