"""Errors of samplers on data whose denoiser and flow are known exactly."""

import math

import torch

from palitra.core.loop import sample
from palitra.core.schedule import Schedule
from tests.core.toy import GaussianDenoiser

FINE = 1024


def smooth_schedule() -> Schedule:
    """Half log-SNR falls linearly from 2 to -2, so that halving a stride halves every step."""
    half = torch.linspace(2, -2, FINE + 1, dtype=torch.float64)
    return Schedule(torch.sigmoid(2 * half))


class Unguided:
    """The loop's predictor without a network: the analytic answer."""

    guiders, latent_gradients, merged = (), (), None

    def __init__(self, denoiser):
        self.predict = denoiser.predict
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.predict(*args)


def error(make, stride: int) -> float:
    """Distance from the exact flow after walking the whole schedule in steps of `stride`."""
    schedule = smooth_schedule()
    denoiser = GaussianDenoiser(schedule)
    sampler = make(schedule)
    times = list(range(FINE, -1, -stride))
    x = torch.linspace(-2, 2, 16, dtype=torch.float64).view(1, 1, 4, 4)
    made = sampler.image(sample(sampler, Unguided(denoiser), x, times))
    return float((made - denoiser.flow(x, FINE, 0)).norm())


def order(make, stride: int = 32) -> float:
    """Order of convergence measured by halving the steps."""
    return math.log2(error(make, stride) / error(make, stride // 2))
