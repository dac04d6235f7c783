"""A small U-Net-less denoiser with named sites, and an analytic one, for tests of the loop."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.core.attention import Attention, attend
from palitra.core.condition import Condition
from palitra.core.parametrise import Prediction
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus

BLOCKS = ("down.0", "mid", "up.0", "up.1")
PARTS = ("q", "k", "v", "probs", "attend", "out")
HEADS = 2


class ToyAttention(nn.Module):
    """Attention whose score matrix is made only where a tap wants it."""

    def __init__(self, width: int, context: int, name: str):
        super().__init__()
        self.q, self.o = nn.Linear(width, width), nn.Linear(width, width)
        self.k, self.v = nn.Linear(context, width), nn.Linear(context, width)
        self.name = name

    def forward(self, x: Tensor, context: Tensor, bus: Bus) -> Tensor:
        q = bus(f"{self.name}.q", self.q(x))
        k = bus(f"{self.name}.k", self.k(context))
        v = bus(f"{self.name}.v", self.v(context))
        q, k, v = (z.unflatten(-1, (HEADS, -1)).transpose(1, 2) for z in (q, k, v))
        inner = attend
        if bus.wants(f"{self.name}.probs"):

            def inner(a):
                return bus(f"{self.name}.probs", (a.q @ a.k.transpose(-1, -2) * a.scale).softmax(-1)) @ a.v

        out = bus.attend(f"{self.name}.attend", Attention(q, k, v, q.shape[-1] ** -0.5), inner)
        out = out.transpose(1, 2).flatten(2)
        return self.o(bus(f"{self.name}.out", out))


class ToyBlock(nn.Module):
    def __init__(self, width: int, text: int, name: str):
        super().__init__()
        self.conv, self.time = nn.Conv2d(width, width, 3, padding=1), nn.Linear(1, width)
        self.self_attention = ToyAttention(width, width, f"{name}.self")
        self.cross_attention = ToyAttention(width, text, f"{name}.cross")
        self.name = name

    def forward(self, h: Tensor, t: Tensor, text: Tensor, bus: Bus) -> Tensor:
        h = h + F.silu(self.conv(F.silu(h) + self.time(t)[:, :, None, None]))
        h = bus(f"{self.name}.res", h)
        z = h.flatten(2).transpose(1, 2)
        z = z + self.self_attention(z, z, bus)
        z = z + self.cross_attention(z, text, bus)
        return z.transpose(1, 2).reshape(h.shape)


class ToyDenoiser(nn.Module):
    """Denoiser over latents (B, 4, h, w) and texts (B, L, 8), in the dtype it is made in."""

    def __init__(self, parametrisation="epsilon", width=16, extra=0, seed=0, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(seed)
        self.parametrisation = parametrisation
        self.first = nn.Conv2d(4 + extra, width, 3, padding=1)
        self.blocks = nn.ModuleList(ToyBlock(width, 8, name) for name in BLOCKS)
        self.last = nn.Conv2d(width, 4, 3, padding=1)
        self.to(dtype).requires_grad_(False).eval()
        self.seen_batches: list[int] = []

    @property
    def sites(self) -> list[str]:
        kinds = [f"{kind}.{part}" for kind in ("self", "cross") for part in PARTS]
        return [f"{block}.{site}" for block in BLOCKS for site in ("res", *kinds)]

    def forward(self, x: Tensor, t: int, condition: Condition, bus: Bus | None = None) -> Tensor:
        bus = bus or silent_bus(x)
        self.seen_batches.append(len(x))
        if condition.channels is not None:
            x = torch.cat([x, condition.channels], 1)
        h = self.first(x)
        time = torch.full((len(x), 1), t / 1000, dtype=x.dtype)
        for block in self.blocks:
            h = block(h, time, condition.text, bus)
        return self.last(h)


class GaussianDenoiser:
    """The exact E[x0 | x_t] for data N(mean, deviation^2 I): samplers' errors are then theirs alone."""

    parametrisation = "sample"
    sites = ()

    def __init__(self, schedule, mean=0.7, deviation=0.5):
        self.schedule, self.mean, self.deviation = schedule, mean, deviation

    def __call__(self, x, t, condition=None, bus=None):
        a, s2 = self.schedule.signal(t) ** 0.5, 1 - self.schedule.signal(t)
        gain = a * self.deviation**2 / (a**2 * self.deviation**2 + s2)
        return self.mean + gain * (x - a * self.mean)

    def predict(self, x, t, index, count, stage=0):
        """Without guidance: what a sampler calls."""
        a, s = self.schedule.signal(t) ** 0.5, (1 - self.schedule.signal(t)) ** 0.5
        x0 = self(x, t)
        return Prediction(x0, (x - a * x0) / s)

    def flow(self, x, t, u):
        """Where the probability-flow equation carries x from t to u, exactly."""
        a, b = self.schedule.signal(t), self.schedule.signal(u)
        spread = [(v * self.deviation**2 + 1 - v) ** 0.5 for v in (a, b)]
        return b**0.5 * self.mean + spread[1] / spread[0] * (x - a**0.5 * self.mean)


def silent_bus(x: Tensor) -> Bus:
    return Bus((), Rows({"target": slice(0, len(x))}), Step(0, 1, 0, 1.0, x))


def text(seed: int, batch: int = 1, dtype=torch.float64) -> Condition:
    g = torch.Generator().manual_seed(seed)
    return Condition(text=torch.randn(batch, 5, 8, generator=g, dtype=torch.float64).to(dtype))


def latent(seed: int, batch: int = 1, dtype=torch.float64) -> Tensor:
    g = torch.Generator().manual_seed(1000 + seed)
    return torch.randn(batch, 4, 8, 8, generator=g, dtype=torch.float64).to(dtype)
