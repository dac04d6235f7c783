"""Training settings: one frozen dataclass per task, read from TOML, changed by `key=value`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from palitra.errors import InputError

C = TypeVar("C")


@dataclass(frozen=True)
class MiniConfig:
    """Settings of `palitra train mini`; `samples` counts pictures seen, not steps."""

    size: int = 64
    channels: tuple[int, ...] = (96, 192, 288)
    attention: tuple[bool, ...] = (False, True, True)
    layers_per_block: int = 1
    head_dim: int = 32
    latent_channels: int = 16
    text_width: int = 192
    text_layers: int = 3
    text_steps: int = 150
    vocab_size: int = 1024
    samples: int = 250_000
    batch: int = 64
    learning_rate: float = 4e-4
    warmup: int = 200
    decay_from: float = 0.6
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    weighting: str = "equal"
    min_snr_gamma: float = 5.0
    high_noise: float = 0.4
    high_noise_from: float = 0.75
    beta2: float = 0.99
    text_dropout: float = 0.1
    rephrase: float = 0.3
    balance: float = 0.4
    ema: float = 0.9995
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    sheet_every: int = 250
    save_every: int = 250


@dataclass(frozen=True)
class SketchConfig:
    """Settings of `palitra train sketch`."""

    steps: int = 1500
    batch: int = 48
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    ema: float = 0.998
    guided_from: float = 0.3
    balanced: bool = True
    tap_norm: bool = True
    line_width: float = 1.25
    pictures: int = 8000
    seed: int = 0
    bf16: bool = True
    save_every: int = 250


def load_config(kind: type[C], path: Path | None, changes: Sequence[str] = ()) -> C:
    """Read `path` (TOML, or the defaults), then apply `key=value` changes with TOML values.

    Raises:
        InputError: an unknown key or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    if path is not None:
        if not path.is_file():
            raise InputError(f"`config` must name a TOML file, got {path}")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    for change in changes:
        key, found, text = change.partition("=")
        if not found:
            raise InputError(f"`set` must look like key=value, got {change}")
        values[key.strip()] = _parse(text.strip())
    return from_values(kind, values)


def from_values(kind: type[C], values: dict[str, Any]) -> C:
    """Build the dataclass, refusing unknown keys and values of another type than the default's."""
    defaults = kind()
    known = {f.name: getattr(defaults, f.name) for f in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise InputError(f"`{key}` must be one of {', '.join(known)}")
        if isinstance(known[key], tuple) and isinstance(value, list):
            values[key] = tuple(value)
        elif isinstance(known[key], float) and type(value) is int:
            values[key] = float(value)
        elif type(value) is not type(known[key]):
            raise InputError(f"`{key}` must be a {type(known[key]).__name__}, got {value!r}")
    return kind(**values)


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
