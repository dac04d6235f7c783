"""What a recipe gives back: pictures with their recipe, and what the run cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from palitra.data.picture_files import save_picture, unique_path

Kind = Literal["picture", "sheet", "part"]
_NO_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture; `recipe` repeats it.

    A "part" is one of many that are looked at on a "sheet"; `name` says what it shows: its class, or of
    several wishes which. `turn` is that wish's number.
    """

    image: Image.Image
    seed: int
    recipe: dict[str, Any]
    kind: Kind = "picture"
    name: str = ""
    turn: int = 0

    def place(self, stem: str = "picture") -> str:
        """Its file within a folder, as `file_of` says."""
        return file_of(self.kind, self.name, self.seed, stem)

    def save(self, path: str | Path) -> Path:
        """Write a PNG that carries its recipe; a taken name gets a number. Returns the path written."""
        free = unique_path(Path(path))
        save_picture(self.image, free, self.recipe)
        return free


def file_of(kind: Kind, name: str, seed: int, stem: str = "picture") -> str:
    """Where a picture belongs within a folder: parts lie in a folder of their class, as labelled sets do.

    One of several wishes is called by its wish.
    """
    if kind == "sheet":
        return f"{stem}-sheet.png" if stem != "picture" else "sheet.png"
    if kind == "part":
        return f"{_file_name(name) or 'pictures'}/{seed:06d}.png"
    return f"{_file_name(name)[:80] or stem}-{seed}.png"


def _file_name(words: str) -> str:
    return _NO_NAME.sub("_", words).strip(". ")


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
        """Write every picture as `folder/name-SEED.png`; a sheet and its parts as `file_of` says."""
        return [p.save(Path(folder) / p.place(name)) for p in self.pictures]
