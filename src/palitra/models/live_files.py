"""A distilled student on disk: its differences to the model in bf16, its adapter, and how it is sampled."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.errors import WeightsError
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.low_rank import merge
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import load_sketch_adapter, save_sketch_adapter
from palitra.models.text_to_image import TextToImage, write_json
from palitra.models.weights import find_weights, read_json, save_weights


@dataclass(frozen=True, eq=False)
class LiveStudent:
    """A few-step model: its denoiser, the times it is asked at (noisy to clean, then -1), its adapter."""

    denoiser: DiffusersUNet
    times: tuple[int, ...]
    adapter: tuple[SketchAdapter, float] | None


def save_live(
    folder: Path,
    student: Mapping[str, Tensor],
    times: list[int],
    fingerprint: str,
    method: str,
    adapter: SketchAdapter | None = None,
    line_width: float = 1.25,
) -> None:
    """Write a student of the model with that fingerprint, and the adapter that learned along.

    Raises:
        DiskError: the files cannot be written.
    """
    save_weights(folder, "model", {k: v.to(torch.bfloat16) for k, v in student.items()})
    write_json(folder / "config.json", {"times": times, "fingerprint": fingerprint, "method": method})
    if adapter is not None:
        save_sketch_adapter(folder / "adapter", adapter, line_width, fingerprint)


def read_student(folder: Path, model: TextToImage) -> tuple[dict[str, Tensor], tuple[int, ...]]:
    """The stored differences, and the times of sampling.

    Raises:
        WeightsError: missing, damaged, or made of other weights of the model.
    """
    config = read_json(folder / "config.json")
    times = config.get("times")
    if not isinstance(times, list) or not _falls(times):
        raise WeightsError(f"`times` in {folder}/config.json must fall to -1, got {times}")
    if times[0] >= model.schedule.steps:
        raise WeightsError(
            f"`times` in {folder}/config.json must be below {model.schedule.steps}, got {times}"
        )
    if config.get("fingerprint") != model.fingerprint:
        raise WeightsError(
            f"`student` in {folder} was distilled from weights {config.get('fingerprint')} of "
            f"`{model.name}`, these are {model.fingerprint}: run `palitra train live` again"
        )
    return find_weights(folder, "model").tensors(), tuple(times)


def _falls(times: list[Any]) -> bool:
    """Whether these are whole numbers that fall to -1."""
    whole = all(isinstance(t, int) for t in times) and len(times) >= 2
    return whole and times[-1] == -1 and sorted(set(times), reverse=True) == times


def load_live(folder: Path, model: TextToImage, dtype: torch.dtype = torch.float32) -> LiveStudent:
    """The student as a denoiser of its own, frozen, in `dtype`; takes as much memory as the model's U-Net.

    Raises:
        WeightsError: missing, damaged, or made of other weights of the model.
    """
    tensors, times = read_student(folder, model)
    unet = _cast(copy.deepcopy(model.denoiser.unet), torch.float32)
    merge(unet, tensors)
    denoiser = model.denoiser.of(_cast(unet, dtype))
    adapter = load_sketch_adapter(folder / "adapter", model) if (folder / "adapter").is_dir() else None
    return LiveStudent(denoiser, times, adapter)


def in_dtype(denoiser: DiffusersUNet, dtype: torch.dtype) -> DiffusersUNet:
    """A copy of a denoiser in another number format; itself if it has it already."""
    if denoiser.unet.dtype == dtype:
        return denoiser
    unet = _cast(copy.deepcopy(denoiser.unet), dtype)
    return denoiser.of(unet)


def _cast(unet: Any, dtype: torch.dtype) -> Any:
    """All weights in `dtype`; the library's own `to` warns although it keeps none back."""
    return torch.nn.Module.to(unet, dtype)
