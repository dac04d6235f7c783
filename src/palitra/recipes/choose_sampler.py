"""Samplers by the names users know."""

from __future__ import annotations

from palitra.core.sampler import Sampler
from palitra.core.schedule import Schedule
from palitra.samplers.ddim import DDIM
from palitra.samplers.ddpm import DDPM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.samplers.euler import Euler
from palitra.samplers.heun import Heun
from palitra.spec.recipes import SamplerName


def make_sampler(name: SamplerName, schedule: Schedule) -> Sampler:
    """The sampler called `name` on a schedule."""
    if name == "ddpm":
        return DDPM(schedule)
    if name == "euler":
        return Euler(schedule)
    if name == "heun":
        return Heun(schedule)
    if name == "dpm++":
        return DPMSolverMultistep(schedule)
    return DDIM(schedule)
