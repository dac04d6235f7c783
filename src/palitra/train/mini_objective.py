"""What mini's network is asked and what it should answer: prediction, schedule, times, weights.

Predictions: the noise eps (DDPM, arXiv 2006.11239), the clean latent x0, the velocity v (arXiv 2202.00512),
or the flow eps - x0 on a straight path (arXiv 2209.03003).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from palitra.core.parametrise import Parametrisation, target_of
from palitra.core.preconditioning import Preconditioning
from palitra.core.schedule import Schedule, rescale_to_zero_terminal_snr
from palitra.models.diffusers_unet import flow_input
from palitra.models.scheduler_config import MINI_SCHEDULER
from palitra.train.config import MiniConfig

STEPS: Final = 1000
KINDS: Final[dict[str, Parametrisation]] = {
    "v": "v_prediction",
    "eps": "epsilon",
    "x0": "sample",
    "flow": "flow_prediction",
}


def schedule_of(config: MiniConfig) -> Schedule:
    """The schedule of a config; all end in pure noise (zero terminal SNR, arXiv 2305.08891)."""
    if config.schedule == "flow":
        return Schedule.flow(STEPS, config.shift)
    return Schedule(rescale_to_zero_terminal_snr(_before_rescaling(config).abar))


def _before_rescaling(config: MiniConfig) -> Schedule:
    if config.schedule == "cosine":
        return Schedule.cosine(STEPS).shifted(config.shift)
    if config.schedule == "linear":
        return Schedule.linear(STEPS).shifted(config.shift)
    return Schedule.scaled_linear(STEPS).shifted(config.shift)


@dataclass(frozen=True, eq=False)
class Objective:
    """Turns clean latents, noise and times into a question and its answer; `abar` (T,) is float32.

    `variances` (C,) of the latent channels are known to a preconditioned network.
    """

    kind: Parametrisation
    schedule: Schedule
    abar: Tensor
    levels: Tensor
    variances: Tensor | None = None

    @classmethod
    def of(cls, config: MiniConfig, device: torch.device, variances: Tensor | None = None) -> Objective:
        """That of a config."""
        schedule = schedule_of(config)
        abar, levels = (table.float().to(device) for table in (schedule.abar, schedule.levels))
        return cls(KINDS[config.prediction], schedule, abar, levels, variances)

    @property
    def preconditioning(self) -> Preconditioning | None:
        """How the network is asked and understood, where it is more than its prediction."""
        return None if self.variances is None else Preconditioning(self.variances, self.abar)

    def noised(self, x0: Tensor, noise: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """(x_t, what is to be predicted) of x0 and noise (B, C, h, w) at times (B,)."""
        abar = self.abar[times].view(-1, 1, 1, 1)
        return abar.sqrt() * x0 + (1 - abar).sqrt() * noise, target_of(x0, noise, abar, self.kind)

    def asked(self, x: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """What the network gets for x_t (B, C, h, w), and the time as it knows it."""
        if self.kind == "flow_prediction":
            return flow_input(x, self.levels[times])  # a flow has a latent and times of its own
        return (x if self.preconditioning is None else self.preconditioning.asked(x, times)), times

    def answered(self, x: Tensor, out: Tensor, times: Tensor) -> Tensor:
        """The prediction for x_t (B, C, h, w) from what the network said."""
        return out if self.preconditioning is None else self.preconditioning.answered(x, out, times)


def loss_weight(abar: Tensor, config: MiniConfig) -> Tensor:
    """Weight per sample of the squared error of what is predicted: 1, or min-SNR (arXiv 2303.09556).

    Min-SNR weighs the error of x0 by min(SNR, gamma). The error of eps is that of x0 times SNR, that of v
    times SNR + 1, that of the flow times 1 / tau^2: each weight is divided by that, so that all four
    learn the same trade between times.
    """
    if config.weighting == "equal":
        return torch.ones_like(abar)
    gamma = config.min_snr_gamma
    if config.prediction == "v":
        return torch.minimum(abar, gamma * (1 - abar))
    if config.prediction == "eps":
        return (gamma * (1 - abar) / abar).clamp(max=1)
    if config.prediction == "x0":
        return (abar / (1 - abar)).clamp(max=gamma)
    tau = (1 - abar).sqrt() / (abar.sqrt() + (1 - abar).sqrt())
    return torch.minimum((1 - tau).square(), gamma * tau.square())


def draw_times(config: MiniConfig, n: int, generator: torch.Generator) -> Tensor:
    """Times (n,), uniform or logit-normal (Esser et al. 2024), a share `high_noise` uniform from further on.

    The layout of a picture is decided where abar < 0.05, in the last tenth of the cosine schedule: drawn
    uniformly, nine of ten training samples would only polish details.
    """
    high = torch.rand(n, generator=generator) < config.high_noise
    low = torch.where(high, config.high_noise_from, 0.0)
    if config.times == "uniform":
        return ((low + (1 - low) * torch.rand(n, generator=generator)) * STEPS).long()
    middle = (config.logit_mean + config.logit_scale * torch.randn(n, generator=generator)).sigmoid()
    even = low + (1 - low) * torch.rand(n, generator=generator)
    return (torch.where(high, even, middle) * STEPS).long().clamp(max=STEPS - 1)


def times_of_smaller(schedule: Schedule, share: float) -> Tensor:
    """Table (T,) from a time drawn for the full size to the one that hides as much of a smaller picture.

    `share` is the smaller side over the full one. Averaging over what one small pixel covers divides the
    noise by the scale, so the smaller picture wants its SNR divided by share^2 (Hoogeboom et al. 2023,
    arXiv 2301.11093). A time keeps its noise level at all sizes: only how often it is drawn changes.
    """
    wanted = schedule.shifted(share).levels
    return torch.searchsorted(schedule.levels, wanted).clamp(max=schedule.steps - 1)


def scheduler_config(config: MiniConfig) -> Mapping[str, Any]:
    """The `scheduler_config.json` of a mini trained so: diffusers and `read_sampling` follow it alike."""
    if config.schedule == "flow":
        return {
            "_class_name": "FlowMatchEulerDiscreteScheduler",
            "num_train_timesteps": STEPS,
            "shift": config.shift,
        }
    said: dict[str, Any] = {**MINI_SCHEDULER, "prediction_type": KINDS[config.prediction]}
    if config.shift != 1:
        # diffusers has no name for it; the end in pure noise, which betas cannot tell, is made by rescaling
        abar = _before_rescaling(config).abar
        before = torch.cat([torch.ones(1, dtype=abar.dtype), abar[:-1]])
        said["trained_betas"] = (1 - abar / before).tolist()
    elif config.schedule != "cosine":
        low, high = (1e-4, 0.02) if config.schedule == "linear" else (8.5e-4, 0.012)
        said |= {"beta_schedule": config.schedule, "beta_start": low, "beta_end": high}
    return said
