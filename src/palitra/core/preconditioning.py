"""What is known of latents without learning, taken off a network's shoulders.

EDM (arXiv 2206.00364, section 5) scales input, output and a skip so that the network sees and answers unit
variance. For v = a eps - s x0 and data of unit variance those scales are 1 and the skip is 0. The channels of
mini's patch code have variances from 0.3 to 6: here each has EDM's scales for its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Preconditioning:
    """Scales of v-prediction for latents whose channels have `variances` (C,), at signal powers `abar` (T,).

    With p = abar var + 1 - abar, the variance of x_t, the best guess of v that is linear in x_t is
    a s (1 - var) / p x_t, and what it misses has the variance var / p.
    """

    variances: Tensor
    abar: Tensor

    def asked(self, x: Tensor, t: int | Tensor) -> Tensor:
        """What the network sees of x_t (B, C, h, w) at time t (an integer, or (B,) of them)."""
        _, power = self._powers(x, t)
        return x * power.rsqrt()

    def answered(self, x: Tensor, out: Tensor, t: int | Tensor) -> Tensor:
        """V of x_t (B, C, h, w) from what the network answers to `asked`."""
        abar, power = self._powers(x, t)
        variances = self.variances.to(x).view(1, -1, 1, 1)
        skip = (abar * (1 - abar)).sqrt() * (1 - variances) / power
        return skip * x + (variances / power).sqrt() * out

    def _powers(self, x: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """Signal power (B or 1, 1, 1, 1) and variance of x_t (B or 1, C, 1, 1)."""
        abar = self.abar.to(x)[torch.as_tensor(t, device=x.device)].reshape(-1, 1, 1, 1)
        return abar, abar * self.variances.to(x).view(1, -1, 1, 1) + 1 - abar
