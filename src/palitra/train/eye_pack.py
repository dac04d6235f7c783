"""The image sets of eye: decoded once into bytes, labels in numbers, kept in one file of the run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from palitra.data.check_shards import Shard, check_shards
from palitra.data.datasets import decode_rgb, read_rows
from palitra.errors import InputError, WeightsError
from palitra.models.eye_network import CONCEPTS, DOMAINS

COLUMNS = {
    "cifar10": ("label", "caption"),
    "pets": ("label", "breed", "caption"),
    "pacs": ("label", "domain", "caption"),
    "faces-video": ("identity", "video", "caption"),
    "faces-lfw": ("identity", "caption"),
}
SIDES = {"cifar10": 32}
SIDE = 96
LABELS = ("concept", "domain", "breed", "caption", "person", "video")
SHARDS = tuple(Shard(f"{name}/train.parquet", ("image", *columns)) for name, columns in COLUMNS.items())
HELD_EVERY, HELD_PEOPLE_EVERY = 50, 20


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """One split of one set: bytes (N, 3, S, S) and a row of names for each picture."""

    images: Tensor
    rows: tuple[dict[str, Any], ...]


def read_photo_set(root: Path, name: str, split: str, side: int = SIDE) -> PhotoSet:
    """Decode `root/name/split.parquet`: 32 px for cifar10, `side` px for the others.

    Raises:
        InputError: the file or a column is missing, or it holds no row.
    """
    images: list[Tensor] = []
    rows: list[dict[str, Any]] = []
    path = root / name / f"{split}.parquet"
    found = read_rows(path, ("image", *COLUMNS[name]))
    console = Console(stderr=True)
    quiet = not console.is_terminal
    for row in track(found, f"{name} {split}", console=console, transient=True, disable=quiet):
        images.append(decode_rgb(row.pop("image"), SIDES.get(name, side)))
        rows.append(row)
    if not images:
        raise InputError(f"`data` must hold pictures in {name}/{split}.parquet, got none")
    return PhotoSet(torch.stack(images), tuple(rows))


def concept_of(row: Mapping[str, Any]) -> str:
    """What a picture shows; the sets of faces name people instead."""
    return str(row.get("label", "person"))


@dataclass(frozen=True, eq=False)
class EyeSet:
    """Bytes (N, 3, S, S) and labels (N, 6) in the order of `LABELS`, -1 where there is none."""

    images: Tensor
    labels: Tensor

    def column(self, name: str) -> Tensor:
        """One label of all pictures (N,)."""
        return self.labels[:, LABELS.index(name)]

    @property
    def held(self) -> Tensor:
        """Which pictures (N,) are never trained on, to watch the training by: whole people, for faces."""
        person = self.column("person")
        every = torch.arange(len(person)) % HELD_EVERY == 0
        return torch.where(person >= 0, person % HELD_PEOPLE_EVERY == 0, every)


@dataclass(frozen=True, eq=False)
class EyePack:
    """All training sets by folder, and the names behind their numbers."""

    sets: dict[str, EyeSet]
    captions: tuple[str, ...]
    caption_concepts: tuple[str, ...]
    breeds: tuple[str, ...]
    people: int

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        tensors = {f"{n}.images": s.images for n, s in self.sets.items()}
        tensors |= {f"{n}.labels": s.labels for n, s in self.sets.items()}
        names = {
            "captions": self.captions,
            "caption_concepts": self.caption_concepts,
            "breeds": self.breeds,
            "people": self.people,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file(tensors, part, metadata={"names": json.dumps(names)})
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> EyePack:
        """Read what `save` wrote.

        Raises:
            WeightsError: the file is damaged or something else.
        """
        try:
            with safe_open(path, "pt") as file:
                names = json.loads(file.metadata()["names"])
                sets = {
                    n: EyeSet(file.get_tensor(f"{n}.images"), file.get_tensor(f"{n}.labels")) for n in COLUMNS
                }
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"`run` must hold a whole pack, got {path}: delete it") from error
        texts = {k: tuple(names[k]) for k in ("captions", "caption_concepts", "breeds")}
        return cls(sets, people=int(names["people"]), **texts)


def make_pack(photos: Mapping[str, PhotoSet]) -> EyePack:
    """Number the names; the same person number in two sets means two people."""
    rows = [row for name in COLUMNS for row in photos[name].rows]
    captions = {row["caption"]: concept_of(row) for row in rows}
    ordered = sorted(captions)
    breeds = sorted({row["breed"] for row in rows if row.get("breed")})
    people = {
        key: i
        for i, key in enumerate(
            sorted({(n, str(r["identity"])) for n in COLUMNS for r in photos[n].rows if "identity" in r})
        )
    }
    caption_at, breed_at = ({v: i for i, v in enumerate(names)} for names in (ordered, breeds))

    def labels(name: str, row: Mapping[str, Any]) -> list[int]:
        concept = concept_of(row)
        if concept not in CONCEPTS:
            raise InputError(f"`label` in {name} must be one of {', '.join(CONCEPTS)}, got {concept}")
        return [
            CONCEPTS.index(concept),
            DOMAINS.index(row.get("domain", DOMAINS[0])),
            breed_at.get(row.get("breed", ""), -1),
            caption_at[row["caption"]],
            people.get((name, str(row.get("identity"))), -1),
            int(row.get("video", -1)),
        ]

    sets = {
        name: EyeSet(photos[name].images, torch.tensor([labels(name, row) for row in photos[name].rows]))
        for name in COLUMNS
    }
    return EyePack(
        sets, tuple(ordered), tuple(captions[c] for c in ordered), tuple(breeds), max(1, len(people))
    )


def prepare_eye(run: Path, data: Path | None) -> EyePack:
    """The pack of a run folder, made from the images in `data` if it is not there yet.

    Raises:
        InputError: shards are missing or broken; all are named before anything is decoded.
    """
    from palitra.data.datasets import data_root

    path = run / "pack.safetensors"
    if not path.exists():
        root = data or data_root()
        check_shards(root, SHARDS)
        make_pack({name: read_photo_set(root, name, "train") for name in COLUMNS}).save(path)
    return EyePack.load(path)
