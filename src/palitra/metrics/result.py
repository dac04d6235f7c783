"""A number with everything that must be known to compare it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from palitra.metrics.bootstrap import Interval
from palitra.metrics.extractor import PUBLISHED

PIXELS = "pixels"
"""In the place of an extractor: the score is of the pixels themselves."""


@dataclass(frozen=True)
class Protocol:
    """How images became features: extractor with the hash of its weights, resize, counts, seed, versions."""

    extractor: str
    weights: str
    resize: str
    real: int
    fake: int
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One metric's value; `settings` are its own (k, subsets …), `group` a class where it is of one.

    Its `name` carries the extractor, so that FID alone is only ever the published Inception's.
    """

    metric: str
    value: float
    protocol: Protocol
    interval: Interval | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None

    @property
    def name(self) -> str:
        """`fid` for the published Inception, else `fid@eye`."""
        where = self.protocol.extractor
        return self.metric if where in (PUBLISHED, PIXELS) else f"{self.metric}@{where}"

    def __str__(self) -> str:
        """The value with its whole protocol, in one line."""
        p = self.protocol
        words = [f"{key} {value}" for key, value in self.settings.items()]
        words += [f"resize {p.resize}", f"real {p.real}", f"fake {p.fake}", f"seed {p.seed}"]
        words += [f"{p.extractor} {p.weights[:8]}".rstrip(), *(f"{k} {v}" for k, v in p.versions.items())]
        about = f" {self.interval}" if self.interval else ""
        of = f" ({self.group})" if self.group is not None else ""
        return f"{self.name}{of} {self.value:.6g}{about} | {', '.join(words)}"

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values; values that are not finite become None."""
        p, i = self.protocol, self.interval
        value = self.value if abs(self.value) < float("inf") else None
        return {
            "name": self.name,
            "value": value,
            "interval": None
            if i is None
            else {"low": i.low, "high": i.high, "level": i.level, "resamples": i.resamples},
            "group": self.group,
            "settings": dict(self.settings),
            "extractor": {"name": p.extractor, "weights": p.weights},
            "resize": p.resize,
            "real": p.real,
            "fake": p.fake,
            "seed": p.seed,
            "versions": dict(p.versions),
        }
