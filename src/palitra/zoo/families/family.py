"""What the trainer asks of a model: a step, pictures, and a state that is complete."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.zoo.batches import Batch
from palitra.zoo.choices import Training
from palitra.zoo.config import ZooConfig
from palitra.zoo.optimisers import Optimiser
from palitra.zoo.step_random import StepRandom

Shape = tuple[int, int, int]
DiffusionSampler = Literal["ddim", "dpm++"]


@dataclass(frozen=True)
class Drawing:
    """Options of sampling; None takes the model's own.

    truncation: latents beyond it are pulled in (adversarial, variational). guidance: w of classifier-free
    guidance, 0 being the plain conditional model. steps: of a diffusion sampler. hooks: see its steps.
    sampler: dpm++ (the default, 20 steps) or ddim (50), of a diffusion other than edm, which has Heun's.
    """

    truncation: float | None = None
    guidance: float | None = None
    steps: int | None = None
    hooks: Hooks | None = None
    sampler: DiffusionSampler | None = None


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the training stands: pictures seen as a share of the budget, step, and processes' average."""

    step: int
    share: float
    average: Callable[[Iterable[nn.Parameter]], None]
    mean: Callable[[Tensor], Tensor]


class Family(nn.Module):
    """All networks and counters of a model as one module, so that its state_dict is the whole of it."""

    batches_per_step: int = 1
    only_trains: tuple[str, ...] = ()

    def __init__(self, config: ZooConfig, shape: Shape, classes: int) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        self.classes = 0 if config.conditioning.kind == "none" else classes

    @abstractmethod
    def optimisers(self) -> dict[str, Optimiser]:
        """The optimisers by name; made once."""

    def use(self, optimisers: dict[str, Optimiser]) -> None:
        """The optimisers `train_step` steps with."""
        self.steps = optimisers

    @abstractmethod
    def train_step(
        self, batches: Sequence[Batch], randoms: Sequence[StepRandom], moment: Moment
    ) -> dict[str, Tensor]:
        """One update of everything; returns every term of the losses as a scalar, by name."""

    @abstractmethod
    def averaged(self) -> list[Tensor]:
        """The tensors whose moving averages draw the pictures."""

    def finish(self, images: Tensor, labels: Tensor) -> None:
        """What is fitted once after training, from uint8 pictures (N, C, H, W); averaged weights are in."""

    def draws_with(self, name: str) -> bool:
        """Whether pictures need the entry `name` of the state; the rest is for training."""
        return not name.startswith(self.only_trains)

    @abstractmethod
    def draw(self, labels: Tensor | None, noise: Noise, options: Drawing) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1], one per stream of `noise`."""


def rate(training: Training, step: int, share: float) -> float:
    """Factor of the learning rate: linear warm-up, then linear decay to 0 over the last part."""
    warm = min(1.0, (step + 1) / training.warmup) if training.warmup else 1.0
    tail = 1 - training.decay_from
    return warm * (max(0.0, 1 - max(0.0, share - training.decay_from) / tail) if tail > 0 else 1.0)


def apply_update(
    optimiser: Optimiser,
    loss: Tensor,
    training: Training,
    moment: Moment,
    base_rate: float,
    inputs: Sequence[nn.Parameter],
) -> None:
    """Backward into `inputs` alone, average over processes, clip, and step at the scheduled rate."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward(inputs=list(inputs))
    moment.average(inputs)
    if training.clip_norm:
        nn.utils.clip_grad_norm_(inputs, training.clip_norm)
    for group in optimiser.param_groups:
        group["lr"] = base_rate * rate(training, moment.step, moment.share)
    optimiser.step()
