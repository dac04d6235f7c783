"""Training settings: one frozen dataclass per task, read from TOML, changed by `key=value`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from palitra.errors import InputError

C = TypeVar("C")
_WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple: "a list",
}


@dataclass(frozen=True)
class MiniConfig:
    """Settings of `palitra train mini`; `samples` counts pictures seen, not steps."""

    size: int = 64
    channels: tuple[int, ...] = (96, 192, 288)
    attention: tuple[bool, ...] = (False, True, True)
    layers_per_block: int = 1
    head_dim: int = 32
    factor: int = 4
    latent_channels: int = 16
    text_width: int = 192
    text_layers: int = 3
    text_steps: int = 150
    vocab_size: int = 1024
    samples: int = 250_000
    batch: int = 64
    optimizer: str = "muon"
    learning_rate: float = 1e-3
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
    rephrase: float = 0.5
    balance: float = 0.1
    ema: float = 0.998
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    sheet_every: int = 250
    save_every: int = 250

    def __post_init__(self) -> None:
        if self.weighting not in ("equal", "min_snr"):
            raise InputError(f"`weighting` must be equal or min_snr, got {self.weighting}")
        if self.optimizer not in ("muon", "adamw"):
            raise InputError(f"`optimizer` must be muon or adamw, got {self.optimizer}")
        if len(self.attention) != len(self.channels):
            raise InputError(
                f"`attention` must have one value per level of `channels` ({len(self.channels)}), "
                f"got {len(self.attention)}"
            )


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
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"`config` must be valid TOML, got {path}: {error}") from error
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
    for key in values:
        if key not in known:
            raise InputError(f"`{key}` must be one of {', '.join(known)}")
    return kind(**{key: _fitted(key, value, known[key]) for key, value in values.items()})


def _fitted(key: str, value: Any, default: Any) -> Any:
    """`value` in the type of `default`; whole numbers serve as fractions."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        kind = type(default[0])
        if not all(_fits(v, kind) for v in value):
            raise InputError(f"`{key}` must be a list, each {_WORDS[kind]}, got {value!r}")
        return tuple(kind(v) for v in value)
    if not _fits(value, type(default)):
        raise InputError(f"`{key}` must be {_WORDS[type(default)]}, got {value!r}")
    return type(default)(value)


def _fits(value: Any, kind: type) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
