"""Settings of `palitra train sketch-adapter` and `palitra train live`."""

from __future__ import annotations

from dataclasses import dataclass

from palitra.errors import InputError, check_range

METHODS = ("consistency", "adversarial")


@dataclass(frozen=True)
class DrawingConfig:
    """What the drawings of a training are made of; read once, when the pack is made.

    `pictures`: at most so many of the training split. `human`: also the human sketches of pacs, each with a
    picture that the model draws of it by sketch guidance in `human_steps` steps (pseudo-pairs).
    """

    pictures: int = 13_000
    human: bool = True
    human_pictures: int = 2_000
    human_steps: int = 15
    seed: int = 0


@dataclass(frozen=True)
class SketchAdapterTraining(DrawingConfig):
    """Settings of `palitra train sketch-adapter`; `samples` counts pictures seen.

    `human_share`: share of a batch that human sketches with their pseudo-pairs make up.
    """

    samples: int = 160_000
    batch: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    warmup: int = 100
    decay_from: float = 0.6
    clip_norm: float = 1.0
    text_dropout: float = 0.2
    human_share: float = 0.25
    line_width: float = 1.25
    ema: float = 0.998
    bf16: bool = True
    save_every: int = 250


@dataclass(frozen=True)
class LiveTraining(DrawingConfig):
    """Settings of `palitra train live`.

    `steps`: of the finished model. `guidance`: the teacher's scale, 0 for the model's own. `solver_steps`: of
    the teacher's trajectory (consistency). `adapter`: the drawing is told to `drawn_share` of the samples.
    `line_reward`: what a missed line of the drawing costs (`train.line_reward`), 0 for nothing.
    """

    method: str = "consistency"
    steps: int = 4
    samples: int = 120_000
    batch: int = 32
    rank: int = 32
    adapter: bool = True
    drawn_share: float = 0.5
    guidance: float = 0.0
    solver_steps: int = 50
    learning_rate: float = 5e-4
    critic_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup: int = 100
    decay_from: float = 0.6
    clip_norm: float = 1.0
    distillation: float = 2.5
    r1: float = 1e-3
    line_reward: float = 0.0
    text_dropout: float = 0.1
    human_share: float = 0.25
    line_width: float = 1.25
    ema: float = 0.99
    bf16: bool = True
    save_every: int = 250

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"`method` must be {' or '.join(METHODS)}, got {self.method}")
        check_range("steps", self.steps, 1, 8)
        check_range("rank", self.rank, 1, 1024)
        check_range("line_reward", self.line_reward, 0, 100)
        check_range("drawn_share", self.drawn_share, 0, 1)
        check_range("solver_steps", self.solver_steps, self.steps, 1000)


def learning_rate_factor(step: int, total: int, warmup: int, decay_from: float) -> float:
    """Linear warm-up, flat, then linear decay to 0 over the last part of `total` steps."""
    ramp = min(1.0, (step + 1) / warmup) if warmup else 1.0
    left = (total - step) / max(1.0, total * (1 - decay_from))
    return ramp * min(1.0, max(0.0, left))
