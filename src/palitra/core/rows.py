"""Where each branch lies in a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from palitra.core.step import Step


@dataclass(frozen=True, eq=False)
class Rows:
    """Where each branch lies in the batch now running."""

    here: dict[str, slice]

    def get(self, branch: str, site: str, value: Tensor, step: Step) -> Tensor:
        """The branch's part of `value`, or what an earlier call of this step recorded at `site`."""
        return value[self.here[branch]] if branch in self.here else step.seen[branch, site]
