"""Is it the same person? Cosine of embeddings, with missing faces counted as failures.

Leaving out pictures without a face would reward a generator for spoiling its hard cases, so such a
picture has the similarity 0 and is never a success. The threshold of success is calibrated on pairs
of different people to a stated false acceptance rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from palitra.errors import InputError
from palitra.metrics.moments import check_features


@dataclass(frozen=True, eq=False)
class IdentityScore:
    """`similarity` (mean over references), `success` and `faces` are shares of all pictures.

    `per_picture` (N,) holds the similarities. `success` is NaN without a threshold.
    """

    similarity: float
    success: float
    faces: float
    per_picture: Tensor


def identity_similarity(generated: Tensor, references: Tensor, found: Tensor | None = None) -> Tensor:
    """Mean cosine of each generated embedding (N, D) with the references (R, D) of one person, (N,) float64.

    Args:
        generated: embeddings; rows without a face may hold anything.
        references: embeddings of real pictures of the person, at least one.
        found: whether a face was found in each picture, (N,) bool; all of them by default.

    Raises:
        InputError: no references, other dimensions, or values that are not finite where a face was found.
    """
    there = torch.ones(len(generated), dtype=torch.bool) if found is None else found.bool()
    if there.shape != generated.shape[:1]:
        raise InputError(f"`found` must have {len(generated)} values, got {tuple(there.shape)}")
    people = torch.nn.functional.normalize(check_features("references", references), dim=1)
    values = torch.zeros(len(generated), dtype=torch.float64, device=generated.device)
    if there.any():
        faces = torch.nn.functional.normalize(check_features("generated", generated[there]), dim=1)
        if faces.shape[1] != people.shape[1]:
            raise InputError(f"`generated` must have {people.shape[1]} dimensions, got {faces.shape[1]}")
        values[there] = (faces @ people.T).mean(1)
    return values


def calibrate_threshold(different_people: Tensor, false_acceptance: float = 0.001) -> float:
    """The cosine that at most `false_acceptance` of the pairs of different people reach.

    Raises:
        InputError: fewer pairs than the rate can be told from, or a rate outside (0, 1).
    """
    if not 0 < false_acceptance < 1:
        raise InputError(f"`false_acceptance` must be inside (0, 1), got {false_acceptance:g}")
    least = round(1 / false_acceptance)
    if different_people.ndim != 1 or len(different_people) < least:
        raise InputError(
            f"`different_people` must have at least {least} cosines for a rate of {false_acceptance:g}, "
            f"got {different_people.numel()}"
        )
    ordered = different_people.double().sort(descending=True).values
    allowed = int(false_acceptance * len(ordered) + 1e-9)
    # strictly above the first one that must not pass
    return float(torch.nextafter(ordered[allowed], ordered.new_tensor(2.0)))


@dataclass
class Identity:
    """Accumulator over people: `update` with one person's pictures at a time."""

    threshold: float | None = None
    values: list[Tensor] = field(default_factory=list)
    faces: list[Tensor] = field(default_factory=list)

    def update(self, generated: Tensor, references: Tensor, found: Tensor | None = None) -> None:
        """Add pictures of one person; see `identity_similarity`."""
        self.values.append(identity_similarity(generated, references, found))
        self.faces.append(torch.ones(len(generated), dtype=torch.bool) if found is None else found.bool())

    def merge(self, other: Identity) -> None:
        """Add what another accumulator of the same threshold has seen."""
        if other.threshold != self.threshold:
            raise InputError(f"`threshold` must be {self.threshold} to merge, got {other.threshold}")
        self.values.extend(other.values)
        self.faces.extend(other.faces)

    def compute(self) -> IdentityScore:
        """The score over all pictures; at least one."""
        if not self.values:
            raise InputError("`pictures` must be at least 1 before compute, got 0")
        values, faces = torch.cat(self.values), torch.cat(self.faces)
        success = float("nan")
        if self.threshold is not None:
            success = float(((values >= self.threshold) & faces).double().mean())
        return IdentityScore(float(values.mean()), success, float(faces.double().mean()), values)
