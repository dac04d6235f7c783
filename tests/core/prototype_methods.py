"""Methods of the field on the core's classes, as small as they get: each proves that the core can hold it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from palitra.core.balance import clipped_ratio
from palitra.core.branch import MAIN, Branch
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction
from palitra.core.tap import Record


class Watch(Guider):
    """Runs a branch beside the edit so that taps can read it; adds nothing to the prediction."""

    def __init__(self, condition, track=MAIN, name="source"):
        self.branches = (Branch(name, condition, track),)


def replaced(site, value, rows, step, change=lambda v: v):
    """The target's rows become the source's; the source may have run in an earlier call of the step."""
    if "source" in rows.here:
        step.seen["source", site] = value[rows.here["source"]]
    if "target" not in rows.here:
        return value
    value = value.clone()
    value[rows.here["target"]] = change(rows.get("source", site, value, step))
    return value


@dataclass(frozen=True)
class PromptToPrompt:
    """Cross-attention replacement (arXiv 2208.01626, section 3.2)."""

    mapping: Tensor
    stop: float = 0.8
    sites: str = "*.cross.probs"

    def __call__(self, site, value, rows, step):
        if step.progress >= self.stop:
            return value
        return replaced(site, value, rows, step, lambda v: v @ self.mapping)


@dataclass(frozen=True)
class MasaCtrl:
    """The target's queries meet the source's keys and values (arXiv 2304.08465, section 3.2)."""

    start: float = 0.1
    sites: str = "up.*.self.k|up.*.self.v"

    def __call__(self, site, value, rows, step):
        return replaced(site, value, rows, step) if step.progress >= self.start else value


@dataclass(frozen=True)
class PlugAndPlay:
    """Features, self-attention queries and keys of the source (arXiv 2211.12572, section 4)."""

    stop: float = 0.8
    sites: str = "up.0.res|up.*.self.q|up.*.self.k"

    def __call__(self, site, value, rows, step):
        return replaced(site, value, rows, step) if step.progress < self.stop else value


class IPAdapter:
    """Decoupled cross-attention (arXiv 2308.06721, eq. 5)."""

    sites = "*.cross.q|*.cross.out"

    def __init__(self, tokens, projections, scale):
        self.tokens, self.projections, self.scale = tokens, projections, scale
        self.queries = {}

    def __call__(self, site, value, rows, step):
        name, part = site.rsplit(".", 1)
        if part == "q":
            self.queries[name] = value
            return value
        if "target" not in rows.here:
            return value
        here = rows.here["target"]
        q = self.queries[name][here]
        k, v = self.projections[name](self.tokens).chunk(2, -1)
        value = value.clone()
        value[here] += self.scale * F.scaled_dot_product_attention(
            q, k.expand(len(q), -1, -1), v.expand(len(q), -1, -1)
        )
        return value


class GuideAndRescale(Guider):
    """Energies against the source's maps and features, their gradient rescaled (arXiv 2409.01322)."""

    gradient_branches = ("cur_inv", "target")

    def __init__(self, source, target, negative, track, self_weight, feature_weight, low=0.33, high=3.0):
        self.branches = (
            Branch("uncond", negative),
            Branch("inv_inv", source, track),
            Branch("cur_inv", source),
            Branch("target", target),
        )
        self.taps = (Record("*.self.probs|up.0.res", ("inv_inv", "cur_inv", "target")),)
        self.weights = {"probs": self_weight, "res": feature_weight}
        self.low, self.high = low, high
        self.ratios = []

    def energy(self, step):
        total = 0
        for (branch, site), value in step.seen.items():
            part = site.rsplit(".", 1)[-1]
            if (branch, part) in (("cur_inv", "probs"), ("target", "res")):
                error = (value - step.seen["inv_inv", site]).square().flatten(1).mean(1)
                total = total + self.weights[part] * error
        return total

    def balance(self, gradient, step, merged, shift):
        reference = merged.eps - step.predictions["uncond"].eps
        made = clipped_ratio(gradient, reference, self.low, self.high)
        self.ratios.append(float(made.norm() / reference.norm()))
        return made


class TwoDimensionalGuidance(Guider):
    """DiSS: sketch and stroke each with a scale of their own (arXiv 2208.12675, eq. 6)."""

    def __init__(self, both, no_sketch, no_stroke, sketch_scale, stroke_scale):
        self.branches = (Branch("both", both), Branch("no_sketch", no_sketch), Branch("no_stroke", no_stroke))
        self.scales = (sketch_scale, stroke_scale)

    def combine(self, step, merged):
        p = step.predictions

        def mix(part):
            b, s, k = (getattr(p[n], part) for n in ("both", "no_sketch", "no_stroke"))
            return b + self.scales[0] * (b - s) + self.scales[1] * (b - k)

        return Prediction(mix("x0"), mix("eps"))


class LowPass(Guider):
    """Keeps the reference's low band (ILVR, arXiv 2108.02938, algorithm 1)."""

    def __init__(self, reference, schedule, factor, until=1.0):
        self.reference, self.schedule, self.factor, self.until = reference, schedule, factor, until
        self.generator = torch.Generator().manual_seed(0)

    def low(self, x):
        return F.interpolate(F.avg_pool2d(x, self.factor), scale_factor=self.factor, mode="nearest")

    def project(self, x, u, index, count):
        if index >= self.until * count:
            return x
        b = self.schedule.signal(u)
        noise = torch.randn(x.shape, generator=self.generator, dtype=x.dtype)
        self.noised = b**0.5 * self.reference + (1 - b) ** 0.5 * noise
        return x - self.low(x) + self.low(self.noised)


@dataclass(frozen=True)
class EDICT:
    """Exact inversion by two coupled latents (arXiv 2211.12446, eq. 14-15)."""

    schedule: object
    mix: float = 0.93
    coupled = True

    def start(self, x):
        return (x, x)

    def image(self, state):
        return state[0]

    def replace(self, state, x):
        raise AssertionError("compose.check refuses what would need this")

    def _move(self, t, u):
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        return (b / a) ** 0.5, (1 - b) ** 0.5 - (b * (1 - a) / a) ** 0.5

    def step(self, predict, state, t, u, index, count, noise=None):
        x, y = state
        grow, add = self._move(t, u)
        x = grow * x + add * predict(y, t, index, count).eps
        y = grow * y + add * predict(x, t, index, count).eps
        x = self.mix * x + (1 - self.mix) * y
        y = self.mix * y + (1 - self.mix) * x
        return x, y

    def back(self, predict, state, u, t, index, count):
        x, y = state
        grow, add = self._move(t, u)
        y = (y - (1 - self.mix) * x) / self.mix
        x = (x - (1 - self.mix) * y) / self.mix
        y = (y - add * predict(x, t, index, count).eps) / grow
        x = (x - add * predict(y, t, index, count).eps) / grow
        return x, y
