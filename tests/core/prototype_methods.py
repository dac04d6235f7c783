"""Methods of the field on the core's classes, as small as they get: each proves that the core can hold it."""

import torch
import torch.nn.functional as F

from palitra.core.branch import Branch
from palitra.core.guider import Guider
from palitra.core.parametrise import Prediction


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
