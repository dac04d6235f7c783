"""Checks a set of parts before it runs; every message names the parts and the fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from palitra.core.attention import AttentionTap
from palitra.core.branch import MAIN, Branch
from palitra.core.denoiser import Denoiser
from palitra.core.guider import Guider, overrides
from palitra.core.sampler import Sampler
from palitra.core.sites import select
from palitra.core.tap import Tap
from palitra.errors import ComposeError


def check(
    denoiser: Denoiser,
    sampler: Sampler,
    guiders: Sequence[Guider],
    taps: Sequence[Tap | AttentionTap] = (),
    tracks: Mapping[str, Sequence[Tensor]] | None = None,
    count: int | None = None,
) -> None:
    """Refuse combinations that cannot work.

    Raises:
        ComposeError: with a sentence that names both parts.
    """
    branches = _branches(guiders)
    if not any(overrides(g, "combine") for g in guiders):
        names = ", ".join(type(g).__name__ for g in guiders) or "nothing"
        raise ComposeError(f"{names} gives no prediction: add a guider that combines, such as ClassifierFree")
    _check_sites(denoiser, [*taps, *(t for g in guiders for t in g.taps)])
    _check_tracks(branches, tracks or {}, count)
    _check_sampler(sampler, guiders)
    for guider in guiders:
        for name in guider.gradient_branches:
            if name not in branches:
                raise ComposeError(
                    f"{type(guider).__name__} differentiates the branch `{name}`, which no guider runs"
                )


def _branches(guiders: Sequence[Guider]) -> dict[str, Branch]:
    """Branches by name; two guiders may share a name only for the same evaluation."""
    found: dict[str, tuple[Guider, Branch]] = {}
    first: Branch | None = None
    for guider in guiders:
        for branch in guider.branches:
            if branch.name in found:
                other, known = found[branch.name]
                if known.condition is not branch.condition or known.track != branch.track:
                    raise ComposeError(
                        f"{type(other).__name__} and {type(guider).__name__} both run a branch "
                        f"`{branch.name}` with different conditions: "
                        f"rename one or hand both the same condition"
                    )
            found[branch.name] = (guider, branch)
            _check_batched(first or branch, branch)
            first = first or branch
    return {name: branch for name, (_, branch) in found.items()}


def _check_batched(one: Branch, other: Branch) -> None:
    """Both must be told tensors of the same kinds and shapes."""
    told = [{k: tuple(getattr(c, k).shape[1:]) for k in c.keys()} for c in (one.at(0), other.at(0))]  # noqa: SIM118
    start = f"branches `{one.name}` and `{other.name}` cannot be batched:"
    if told[0].keys() != told[1].keys():
        kinds = [", ".join(t) or "nothing" for t in told]
        raise ComposeError(f"{start} one is told {kinds[0]}, the other {kinds[1]}")
    for key, shape in told[0].items():
        if shape != told[1][key]:
            raise ComposeError(f"{start} the one's `{key}` is {shape}, the other's {told[1][key]}")


def _check_sites(denoiser: Denoiser, taps: Sequence[Tap | AttentionTap]) -> None:
    for tap in taps:
        for pattern in tap.sites.split("|"):
            if not select(denoiser.sites, pattern):
                raise ComposeError(
                    f"{type(tap).__name__} wants the sites `{pattern}`, "
                    f"which {type(denoiser).__name__} does not have"
                )


def _check_tracks(
    branches: Mapping[str, Branch], tracks: Mapping[str, Sequence[Tensor]], count: int | None
) -> None:
    for branch in branches.values():
        if branch.track == MAIN:
            continue
        if branch.track not in tracks:
            raise ComposeError(
                f"branch `{branch.name}` reads the trajectory `{branch.track}`: invert a picture first"
            )
        if count is not None and len(tracks[branch.track]) < count:
            raise ComposeError(
                f"trajectory `{branch.track}` must have at least {count} latents for `{branch.name}`, "
                f"got {len(tracks[branch.track])}"
            )


def _check_sampler(sampler: Sampler, guiders: Sequence[Guider]) -> None:
    if not getattr(sampler, "coupled", False):
        return
    for guider in guiders:
        moves = overrides(guider, "project") or (overrides(guider, "energy") and guider.into == "latent")
        if moves:
            raise ComposeError(
                f"{type(guider).__name__} moves the latent and {type(sampler).__name__} couples two: "
                f"use DDIM, Euler or DPM-Solver++ with {type(guider).__name__}"
            )
