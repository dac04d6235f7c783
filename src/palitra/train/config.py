"""Training settings: one frozen dataclass per task, read from TOML, changed by `key=value`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from palitra.errors import InputError, check_range

C = TypeVar("C")
_WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple: "a list",
}
_CHOICES = {
    "prediction": ("v", "eps", "x0", "flow"),
    "schedule": ("cosine", "linear", "scaled_linear", "flow"),
    "weighting": ("equal", "min_snr"),
    "times": ("uniform", "logit_normal"),
    "captions": ("class", "domain", "breed"),
    "optimizer": ("muon", "adamw"),
}


@dataclass(frozen=True)
class MiniConfig:
    """Settings of `palitra train mini`; `samples` counts pictures seen, not steps.

    What the network learns: `prediction` v, eps, x0 or flow; with `precondition` (v alone) it is asked and
    answers in unit variance, channel by channel; `schedule` cosine, linear, scaled_linear or
    flow, its SNR divided by `shift`^2; `weighting` equal or min_snr; `times` uniform or logit_normal (of
    `logit_mean` and `logit_scale`), a share `high_noise` of them uniform from `high_noise_from` on.
    Progressive resolution: `stages` are sizes learned at before `size`, each until the share `stages_until`
    of `samples`, in batches of `stages_batch`; with `shift_stages` times are drawn for what a size still
    shows. Words: `captions` tell the class, the domain too, or all (breed); `small_share` of a concept's
    samples are enlarged 32 px pictures whose words say so; `text_length` tokens are a window of the tower,
    longer prompts take several. `align` weighs the pull of inner features
    towards eye's. `vae` is a folder with an AutoencoderKL in place of the patch code. `muon_iterations` are
    Newton-Schulz steps.
    """

    size: int = 64
    channels: tuple[int, ...] = (96, 192, 288)
    attention: tuple[bool, ...] = (False, True, True)
    layers_per_block: int = 1
    head_dim: int = 32
    factor: int = 4
    latent_channels: int = 16
    text_width: int = 192
    text_layers: int = 3
    text_length: int = 77
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
    muon_iterations: int = 5
    prediction: str = "v"
    precondition: bool = False
    schedule: str = "cosine"
    shift: float = 1.0
    weighting: str = "equal"
    min_snr_gamma: float = 5.0
    times: str = "uniform"
    logit_mean: float = 0.0
    logit_scale: float = 1.0
    high_noise: float = 0.4
    high_noise_from: float = 0.75
    beta2: float = 0.99
    text_dropout: float = 0.1
    rephrase: float = 0.5
    balance: float = 0.1
    captions: str = "breed"
    small_share: float = 0.0
    stages: tuple[int, ...] = ()
    stages_until: tuple[float, ...] = ()
    stages_batch: tuple[int, ...] = ()
    shift_stages: bool = True
    align: float = 0.0
    vae: str = ""
    ema: float = 0.998
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    sheet_every: int = 250
    save_every: int = 250

    def __post_init__(self) -> None:
        for name, words in _CHOICES.items():
            if getattr(self, name) not in words:
                *most, last = words
                raise InputError(f"`{name}` must be {', '.join(most)} or {last}, got {getattr(self, name)}")
        if (self.prediction == "flow") != (self.schedule == "flow"):
            raise InputError(
                f"`schedule` must be flow with the prediction flow and only there, got {self.schedule} "
                f"and {self.prediction}"
            )
        if self.precondition and self.prediction != "v":
            raise InputError(f"`precondition` must be false with any prediction but v, got {self.prediction}")
        if not self.shift > 0:
            raise InputError(f"`shift` must be above 0, got {self.shift:g}")
        check_range("small_share", self.small_share, 0, 0.95)
        check_range("muon_iterations", self.muon_iterations, 1, 20)
        check_range("text_length", self.text_length, 8, 1024)
        check_range("align", self.align, 0, 100)
        self._check_stages()
        if len(self.attention) != len(self.channels):
            raise InputError(
                f"`attention` must have one value per level of `channels` ({len(self.channels)}), "
                f"got {len(self.attention)}"
            )

    def _check_stages(self) -> None:
        n = len(self.stages)
        if len(self.stages_until) != n or len(self.stages_batch) not in (0, n):
            raise InputError(
                f"`stages_until` must have one share per stage ({n}) and `stages_batch` one batch or none, "
                f"got {len(self.stages_until)} and {len(self.stages_batch)}"
            )
        cells = self.factor * 2 ** (len(self.channels) - 1)
        for size in (*self.stages, self.size):
            if size < cells or size % cells:
                raise InputError(f"`size` and `stages` must be multiples of {cells}, got {size}")
        if list(self.stages) != sorted({*self.stages}) or (n and self.stages[-1] >= self.size):
            raise InputError(f"`stages` must grow towards `size` {self.size}, got {list(self.stages)}")
        ends = (0.0, *self.stages_until, 1.0)
        if any(not a < b for a, b in pairwise(ends)):
            raise InputError(f"`stages_until` must grow inside (0, 1), got {list(self.stages_until)}")
        for batch in self.stages_batch:
            check_range("stages_batch", batch, 1, 65536)


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
    hints = get_type_hints(kind)
    return kind(**{key: _fitted(key, value, known[key], hints[key]) for key, value in values.items()})


def _fitted(key: str, value: Any, default: Any, hint: Any) -> Any:
    """`value` in the type of `default`; whole numbers serve as fractions."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        kind = get_args(hint)[0]  # tuples may be empty by default
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
