"""EDM's preconditioning and noise levels (arXiv 2206.00364, table 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from palitra.core.schedule import Schedule

Network = Callable[[Tensor, Tensor, Tensor | None], Tensor]
# the network's time features expect numbers of the size of 1000 steps
TIME_SCALE = 250.0


def coefficients(sigma: Tensor, sigma_data: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in, c_noise."""
    power = sigma**2 + sigma_data**2
    return sigma_data**2 / power, sigma * sigma_data / power.sqrt(), power.rsqrt(), sigma.log() / 4


def precondition(
    network: Network, noisy: Tensor, sigma: Tensor, labels: Tensor | None, sigma_data: float
) -> Tensor:
    """The believed clean picture of noisy (B, C, H, W) = clean + sigma (B,) x normal."""
    c_skip, c_out, c_in, c_noise = coefficients(sigma.view(-1, 1, 1, 1), sigma_data)
    output = network(c_in * noisy, TIME_SCALE * c_noise.flatten(), labels).float()
    return c_skip * noisy + c_out * output


def karras_schedule(count: int, low: float = 0.002, high: float = 80.0, rho: float = 7.0) -> Schedule:
    """The noise levels of eq. 5 as signal powers 1 / (1 + sigma^2), from `low` at time 0 to `high`."""
    ends = (0, 1) if count > 1 else (1, 1)
    share = torch.linspace(*ends, count, dtype=torch.float64)
    sigma = (low ** (1 / rho) + share * (high ** (1 / rho) - low ** (1 / rho))) ** rho
    return Schedule(1 / (1 + sigma**2))
