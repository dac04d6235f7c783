"""Reads `scheduler/scheduler_config.json` of the diffusers layout: how a model's noise is to be walked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from palitra.core.parametrise import Parametrisation
from palitra.core.schedule import Schedule, Spacing
from palitra.errors import WeightsError
from palitra.models.weights import read_json

MINI_SCHEDULER: Mapping[str, Any] = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "rescale_betas_zero_snr": True,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "clip_sample": False,
}
"""The sampling of mini; as a schedule it is `palitra.train.mini.mini_schedule()`."""

# what the scheduler of that name does when its file does not say
_LINSPACE_BY_DEFAULT = ("Euler", "DPMSolver", "Heun", "LMS", "KDPM2", "UniPC", "DEIS")
_NOISY_END_BY_DEFAULT = ("PNDM",)
# of flow matching: what would make the noise of a step another than its shift says
_FLOW_UNKNOWN = ("use_dynamic_shifting", "invert_sigmas", "shift_terminal")


@dataclass(frozen=True, eq=False)
class Sampling:
    """Schedule, what the network predicts, and where its steps lie."""

    schedule: Schedule
    parametrisation: Parametrisation
    spacing: Spacing
    steps_offset: int

    def times(self, count: int) -> list[int]:
        """The times of `count` steps from noisy to clean, then -1."""
        return self.schedule.times(count, self.spacing, self.steps_offset)


def read_sampling(path: Path) -> Sampling:
    """Read a scheduler's JSON file.

    Raises:
        WeightsError: the file is missing or holds a value this project cannot follow.
    """
    return sampling_from(read_json(path))


def sampling_from(config: Mapping[str, Any]) -> Sampling:
    """Translate the values of a diffusers scheduler; FlowMatchEuler… and `use_flow_sigmas` are flow matching.

    Which solver the file names does not matter, its noise does; keys it leaves out take that
    solver's defaults. Clipping and thresholding of x0 are for pixel models and not followed.

    Raises:
        WeightsError: a value is out of bounds; the message names it.
    """
    kind = str(config.get("_class_name", ""))
    if kind.startswith("FlowMatch"):
        return _flow(config, "shift")
    parametrisation = _one_of(config, "prediction_type", "epsilon", get_args(Parametrisation))
    if parametrisation == "flow_prediction":
        if config.get("use_flow_sigmas") is not True:
            raise _refused("use_flow_sigmas", "true with flow_prediction", str(config.get("use_flow_sigmas")))
        return _flow(config, "flow_shift")
    spacing = "linspace" if kind.startswith(_LINSPACE_BY_DEFAULT) else "leading"
    spacing = _one_of(config, "timestep_spacing", spacing, get_args(Spacing))
    steps = int(_number(config, "num_train_timesteps", 1000, 1, 100_000))
    schedule = _schedule(config, steps, noisy_end=kind.startswith(_NOISY_END_BY_DEFAULT))
    offset = int(_number(config, "steps_offset", 0, 0, schedule.steps - 1))
    return Sampling(schedule, parametrisation, spacing, offset)  # type: ignore[arg-type]


def _flow(config: Mapping[str, Any], shift_key: str) -> Sampling:
    """Flow matching, in even steps of the flow's time from pure noise on: trailing spacing.

    FlowMatchEulerDiscreteScheduler itself puts its last step at tau = 1 / T, where almost nothing is left.
    """
    for key in _FLOW_UNKNOWN:
        if config.get(key):
            raise _refused(key, "left out or false", str(config[key]))
    steps = int(_number(config, "num_train_timesteps", 1000, 1, 100_000))
    shift = _number(config, shift_key, 1.0, 1e-3, 1e3)
    return Sampling(Schedule.flow(steps, shift), "flow_prediction", "trailing", 0)


def _schedule(config: Mapping[str, Any], steps: int, noisy_end: bool) -> Schedule:
    zero = bool(config.get("rescale_betas_zero_snr", False))
    final = 1.0 if config.get("set_alpha_to_one", not noisy_end) else None
    if config.get("trained_betas") is not None:
        return Schedule.from_betas(_trained_betas(config), zero_terminal_snr=zero, final_abar=final)
    kind = _one_of(config, "beta_schedule", "linear", ("linear", "scaled_linear", "squaredcos_cap_v2"))
    if kind == "squaredcos_cap_v2":
        return Schedule.cosine(steps, zero_terminal_snr=zero, final_abar=final)
    low = _number(config, "beta_start", 1e-4, 0, 1)
    high = _number(config, "beta_end", 0.02, 0, 1)
    if not 0 < low <= high < 1:
        raise _refused("beta_start", "in (0, beta_end] and `beta_end` below 1", f"{low:g} and {high:g}")
    if kind == "linear":
        return Schedule.linear(steps, low, high, zero_terminal_snr=zero, final_abar=final)
    return Schedule.scaled_linear(steps, low, high, zero_terminal_snr=zero, final_abar=final)


def _trained_betas(config: Mapping[str, Any]) -> Tensor:
    try:
        betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
    except (ValueError, TypeError) as error:
        raise _refused("trained_betas", "numbers in (0, 1)", "others") from error
    if betas.ndim != 1 or len(betas) < 1 or not bool(((betas > 0) & (betas < 1)).all()):
        raise _refused("trained_betas", "numbers in (0, 1)", "others")
    return betas


def _one_of(config: Mapping[str, Any], key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = config.get(key, default)
    if value not in allowed:
        raise _refused(key, f"{', '.join(allowed[:-1])} or {allowed[-1]}", str(value))
    return str(value)


def _number(config: Mapping[str, Any], key: str, default: float, low: float, high: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _refused(key, f"in [{low:g}, {high:g}]", str(value))
    return float(value)


def _refused(key: str, wanted: str, got: str) -> WeightsError:
    return WeightsError(f"`{key}` of scheduler_config.json must be {wanted}, got {got}")
