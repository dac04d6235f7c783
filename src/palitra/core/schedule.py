"""Noise schedules of the variance-preserving forward process, and the spacing of steps.

q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I), t = 0 … T-1 (DDPM, arXiv 2006.11239, eq. 4).
A time of -1 stands for the clean picture, where abar = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from palitra.errors import InputError

Spacing = Literal["leading", "trailing", "linspace"]
SMALLEST_ABAR = 2.0**-24


@dataclass(frozen=True, eq=False)
class Schedule:
    """The cumulative signal power of every training step.

    `abar` has shape (T,) and dtype float64, strictly decreasing in (0, 1]; it may end in exactly 0
    (zero terminal SNR, arXiv 2305.08891). `final_abar` is the signal power of time -1: 1, or
    abar[0] for models whose published sampler keeps the last step noisy (`set_alpha_to_one: false`).
    """

    abar: Tensor
    final_abar: float = 1.0

    @classmethod
    def from_betas(
        cls, betas: Tensor, *, zero_terminal_snr: bool = False, final_abar: float | None = 1.0
    ) -> Schedule:
        """Build from per-step variances (T,); `final_abar=None` takes abar[0]."""
        abar = torch.cumprod(1.0 - betas.to(torch.float64), 0)
        if zero_terminal_snr:
            abar = rescale_to_zero_terminal_snr(abar)
        return cls(abar, float(abar[0]) if final_abar is None else final_abar)

    @classmethod
    def linear(
        cls, steps: int = 1000, low: float = 1e-4, high: float = 0.02, **options: bool | float | None
    ) -> Schedule:
        """Betas in equal steps (DDPM, section 4)."""
        return cls.from_betas(torch.linspace(low, high, steps, dtype=torch.float64), **options)  # type: ignore[arg-type]

    @classmethod
    def scaled_linear(
        cls, steps: int = 1000, low: float = 8.5e-4, high: float = 0.012, **options: bool | float | None
    ) -> Schedule:
        """Square roots of beta in equal steps (latent diffusion, arXiv 2112.10752)."""
        betas = torch.linspace(low**0.5, high**0.5, steps, dtype=torch.float64) ** 2
        return cls.from_betas(betas, **options)  # type: ignore[arg-type]

    @classmethod
    def cosine(
        cls, steps: int = 1000, offset: float = 0.008, max_beta: float = 0.999, **options: bool | float | None
    ) -> Schedule:
        """Squared-cosine signal power (arXiv 2102.09672, eq. 17), betas capped at `max_beta`."""
        u = torch.arange(steps + 1, dtype=torch.float64) / steps
        f = torch.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2
        betas = (1 - f[1:] / f[:-1]).clamp(max=max_beta)
        return cls.from_betas(betas, **options)  # type: ignore[arg-type]

    @classmethod
    def flow(cls, steps: int = 1000, shift: float = 1.0) -> Schedule:
        """Rectified flow x = (1 - tau) x0 + tau eps, as the variance-preserving schedule of equal SNR.

        tau = (t + 1) / T, so the last step is pure noise; `shift` moves tau to
        shift tau / (1 + (shift - 1) tau) (Esser et al. 2024, arXiv 2403.03206). Deterministic DDIM on it
        makes the flow's Euler steps.
        """
        tau = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        return cls((1 - tau) ** 2 / ((1 - tau) ** 2 + tau**2)).shifted(shift)

    def shifted(self, factor: float) -> Schedule:
        """The schedule with every SNR divided by factor**2; zero terminal SNR stays.

        Noise hides less of a larger picture: Hoogeboom et al. (2023, arXiv 2301.11093) take
        side / 64. The shift of a flow is the same thing.

        Raises:
            InputError: `factor` is not above 0.
        """
        if not factor > 0:
            raise InputError(f"`shift` must be above 0, got {factor:g}")
        if factor == 1:
            return self
        abar = self.abar / (self.abar + factor**2 * (1 - self.abar))
        final = self.final_abar / (self.final_abar + factor**2 * (1 - self.final_abar))
        return Schedule(abar, final)

    @property
    def levels(self) -> Tensor:
        """Flow time tau (T,) of each step: s / (a + s) has the SNR of x_t = a x0 + s eps."""
        s = (1 - self.abar).sqrt()
        return s / (self.abar.sqrt() + s)

    @property
    def steps(self) -> int:
        """Number of training steps T."""
        return len(self.abar)

    def signal(self, t: int) -> float:
        """Abar of time `t`; `final_abar` for t = -1."""
        return self.final_abar if t < 0 else float(self.abar[t])

    def sigma(self, t: int) -> float:
        """Noise level sqrt((1 - abar) / abar) of the variance-exploding view; 0 for t = -1.

        At zero terminal SNR abar is taken as 2^-24, so sigma is 4096 and not infinite.
        """
        a = 1.0 if t < 0 else max(float(self.abar[t]), SMALLEST_ABAR)
        return math.sqrt((1 - a) / a)

    def times(self, count: int, spacing: Spacing = "leading", steps_offset: int = 0) -> list[int]:
        """`count` times from noisy to clean, followed by -1 (table 2 of arXiv 2305.08891).

        `steps_offset` is added under "leading" alone, where SD 1.x uses 1.

        Raises:
            InputError: `count` is not in [1, T], or `spacing` is unknown.
        """
        T = self.steps
        if not 1 <= count <= T:
            raise InputError(f"`steps` must be in [1, {T}], got {count}")
        if spacing == "leading":
            stride = T // count
            # a larger offset would ask about the last training step twice
            offset = min(steps_offset, T - 1 - (count - 1) * stride)
            ts = [i * stride + offset for i in reversed(range(count))]
        elif spacing == "trailing":
            ts = [round(T - i * T / count) - 1 for i in range(count)]
        elif spacing == "linspace":
            ts = [round(i * (T - 1) / (count - 1)) for i in reversed(range(count))] if count > 1 else [T - 1]
        else:
            raise InputError(f"`spacing` must be leading, trailing or linspace, got {spacing}")
        return [*ts, -1]


def rescale_to_zero_terminal_snr(abar: Tensor) -> Tensor:
    """Shift and scale sqrt(abar) so that it ends in 0 and keeps its first value (2305.08891, algorithm 1)."""
    root = abar.sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return root**2
