"""A branch: one named evaluation of the denoiser per step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from palitra.core.condition import Condition

MAIN = "main"


@dataclass(frozen=True)
class Branch:
    """`condition` may depend on the step's index; `track` is the latent it reads.

    A track is `main` (the latent being sampled) or the name of a recorded trajectory, whose entries
    are aligned newest-noise-first with the step index.
    """

    name: str
    condition: Condition | Callable[[int], Condition] = field(compare=False)
    track: str = MAIN

    def at(self, index: int) -> Condition:
        """The condition of step `index`."""
        return self.condition if isinstance(self.condition, Condition) else self.condition(index)
