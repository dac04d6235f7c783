"""What the trainer asks of an adversarial loss, and the losses by name."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from palitra.zoo.losses.hinge import Hinge
from palitra.zoo.losses.least_squares import LeastSquares
from palitra.zoo.losses.minimax import Minimax
from palitra.zoo.losses.non_saturating import NonSaturating
from palitra.zoo.losses.relativistic import Relativistic
from palitra.zoo.losses.wasserstein import Wasserstein


class Game(Protocol):
    """Two losses over raw scores (B,); higher scores mean more real."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """A scalar the discriminator lowers."""
        ...

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """A scalar the generator lowers."""
        ...


def game(kind: str) -> Game:
    """The loss of that name in the configuration."""
    games: dict[str, type[Game]] = {
        "minimax": Minimax,
        "non_saturating": NonSaturating,
        "hinge": Hinge,
        "least_squares": LeastSquares,
        "wasserstein": Wasserstein,
        "relativistic": Relativistic,
    }
    return games[kind]()
