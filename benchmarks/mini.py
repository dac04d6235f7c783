"""What mini can do: words followed, distance to unseen pictures, copies of what it learned from.

    python benchmarks/mini.py [--models mini OLD_FOLDER] [--each 128] [--steps 30] [--scale 4]

For every model, with the same words and seeds (DDIM, classifier-free guidance, bf16):

- class agreement of `--each` guided photos of each concept, by a judge that saw only real pictures
  (`concepts.py`, trained on the first run) and by eye;
- paintings told from photos: as many of both, of the seven concepts that were seen painted, by eye;
- fid@eye and KID@eye of one picture for each caption of the test split (at most `--each` of a concept) to
  these test pictures. The floor is the distance of training pictures in the same shares to the same;
- copies: pictures nearer to a training picture than unseen real ones are (1 % of those are, by definition).

Writes sheets: eight of each concept guided and unguided, and sixteen pictures beside their nearest training
picture, which are real photos and not to be shipped. Two thousand pictures: about half an hour of one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from concepts import CONCEPTS, accuracy, judged, load_judge
from palitra.data.datasets import data_root
from palitra.data.sheets import contact_sheet
from palitra.experiments.mini_scores import agreements, choose, draw, score
from palitra.metrics.memorisation import memorisation
from palitra.models.eye import Eye, load_eye
from palitra.models.zoo import EMBEDDED
from palitra.train.captioned import CaptionedSet, read_captioned

SIZE = 64
PAINTED = tuple(c for c in CONCEPTS if c != "cat")
SHEET = 8


@dataclass(frozen=True)
class Side:
    """What all models are held against: test pictures, training pictures, the two judges."""

    test: CaptionedSet
    train: CaptionedSet
    eye: Eye
    judge: torch.nn.Module


def asked(kind: str, concepts, each: int) -> CaptionedSet:
    """Words alone: `each` of every concept, without pictures."""
    words = [f"a {kind} of {'an' if c[0] in 'aeiou' else 'a'} {c}" for c in concepts for _ in range(each)]
    rows = torch.tensor([CONCEPTS.index(c) for c in concepts]).repeat_interleave(each)
    return CaptionedSet(torch.empty(0), tuple(words), rows)


def in_shares_of(real: CaptionedSet, train: CaptionedSet) -> Tensor:
    """Training pictures of the same concepts and kinds, one for each of `real`, twice only if they must."""
    g = torch.Generator().manual_seed(1)

    def kinds(images):
        painted = torch.tensor([c.startswith("a painting") for c in images.captions])
        return images.concepts * 2 + painted

    wanted, known, rows = kinds(real), kinds(train), []
    for kind in wanted.unique():
        own = (known == kind).nonzero().flatten()
        count = int((wanted == kind).sum())
        order = torch.randperm(len(own), generator=g)
        rows.append(own[order[torch.arange(count) % len(own)]])
    return train.images[torch.cat(rows)]


def features_of(eye: Eye, images: Tensor) -> Tensor:
    return torch.cat([eye.see(chunk).features for chunk in images.split(128)])


def measured(folder: Path, side: Side, each: int, steps: int, scale: float, out: Path) -> dict[str, str]:
    """The row of one model; writes its sheets."""
    photos = asked("photo", CONCEPTS, each)
    guided = draw(folder, photos.captions, scale, steps)
    right = judged(side.judge, guided.float() / 127.5 - 1) == photos.concepts
    by_eye = agreements(side.eye, photos, guided)
    paintings = asked("painting", PAINTED, each)
    painted = agreements(side.eye, paintings, draw(folder, paintings.captions, scale, steps, seed=10_000))
    both = torch.cat([by_eye["domain"][torch.isin(photos.concepts, paintings.concepts)], painted["domain"]])
    real = choose(side.test, each)
    made = draw(folder, real.captions, scale, steps, seed=20_000)
    near = score(side.eye, real, made, 0)
    floor = score(side.eye, real, in_shares_of(real, side.train), 0)
    known, unseen = features_of(side.eye, side.train.images), features_of(side.eye, side.test.images)
    copies = memorisation(known, unseen, features_of(side.eye, guided))
    first = torch.arange(len(guided)).view(len(CONCEPTS), each)[:, :SHEET].flatten()
    plain = draw(folder, [photos.captions[i] for i in first.tolist()], 1.0, steps)
    save(guided[first], out / f"{folder.name}-guided.png", SHEET)
    save(plain, out / f"{folder.name}-unguided.png", SHEET)
    some = first.view(len(CONCEPTS), -1)[:, :2].flatten()
    pairs = torch.stack([guided[some], side.train.images[copies.nearest[some]]], 1).flatten(0, 1)
    save(pairs, out / f"{folder.name}-nearest.png", 4)
    per = right.view(len(CONCEPTS), each).float().mean(1)
    return {
        "agreement, judge": f"{right.float().mean():.1%}",
        "agreement, eye": f"{by_eye['agreement'].float().mean():.1%}",
        **{name: f"{float(value):.0%}" for name, value in zip(CONCEPTS, per, strict=True)},
        "photo or painting": f"{both.float().mean():.1%}",
        "fid@eye": f"{near['fid@eye'].value:.2f}",
        "of the floor": f"{near['fid@eye'].value / floor['fid@eye'].value:.1f}",
        "floor": f"{floor['fid@eye'].value:.2f}",
        "KID@eye": f"{near['kid@eye'].value:.4f}",
        "nearer than unseen": f"{copies.share:.1%} (p {copies.p_value:.2g})",
    }


def save(images: Tensor, path: Path, columns: int) -> None:
    """A sheet of uint8 pictures at their own size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = [Image.fromarray(i.permute(1, 2, 0).numpy()) for i in images]
    contact_sheet(shown, columns, cell=2 * SIZE, pixels=True).save(path)
    print(path, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", type=Path, default=[EMBEDDED / "mini"])
    parser.add_argument("--each", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--scale", type=float, default=4.0)
    parser.add_argument("--data", type=Path, default=data_root())
    parser.add_argument("--out", type=Path, default=Path("out/mini"))
    args = parser.parse_args()
    side = Side(
        read_captioned(args.data, "test", SIZE),
        read_captioned(args.data, "train", SIZE),
        load_eye(),
        load_judge(args.data),
    )
    print(f"the judge is right on {accuracy(side.judge, side.test)[0]:.1%} of real test pictures")
    rows = {}
    for number, model in enumerate(args.models):
        folder = EMBEDDED / "mini" if str(model) == "mini" else model
        out = args.out / str(number)
        rows[str(model)] = measured(folder, side, args.each, args.steps, args.scale, out)
    names = list(next(iter(rows.values())))
    print("| model | " + " | ".join(names) + " |\n|" + "---|" * (1 + len(names)))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
