"""What a recipe gives back: pictures with their recipe, and what the run cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from palitra.data.picture_files import save_picture, unique_path


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture; `recipe` repeats it."""

    image: Image.Image
    seed: int
    recipe: dict[str, Any]

    def save(self, path: str | Path) -> Path:
        """Write a PNG that carries its recipe; a taken name gets a number. Returns the path written."""
        free = unique_path(Path(path))
        save_picture(self.image, free, self.recipe)
        return free


@dataclass(frozen=True, eq=False)
class Run:
    """Finished pictures in the order of their rank or seed, and what they cost.

    network_calls: batched evaluations of the denoiser. network_samples: samples in them.
    notes: what was done to the input, in plain words. scores: the critic's edge error per
    seed begun (lower is better), empty when nothing was guided.
    """

    pictures: list[Picture]
    seconds: float
    network_calls: int
    network_samples: int
    model: str
    device: str
    notes: tuple[str, ...] = ()
    scores: dict[int, float] = field(default_factory=dict)

    def save(self, folder: str | Path, name: str = "picture") -> list[Path]:
        """Write every picture as `folder/name-SEED.png`."""
        return [p.save(Path(folder) / f"{name}-{p.seed}.png") for p in self.pictures]
