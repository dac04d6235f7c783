"""The judge of class agreement: a small network trained on real pictures only.

`load_judge` trains it once (about eight minutes on two cores) and keeps it in an ignored folder.

python benchmarks/concepts.py
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.data.datasets import data_root, decode_rgb, read_rows
from palitra.train.captioned import CONCEPTS, CaptionedSet, read_captioned
from palitra.train.muon import MuonAdamW, split_parameters

SIZE = 64
KEPT = Path("runs/judge/judge.safetensors")
CIFAR_SHARE = 0.25
"""Share of cats, dogs and horses that come from cifar10: the photo sets hold only 330 horses."""


class Judge(nn.Module):
    """A residual network, images (B, 3, 64, 64) in [-1, 1] -> logits (B, 8)."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, o in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(i, o, 3, stride=2, padding=1, bias=False), Residual(o)]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.head = nn.Linear(widths[-1], len(CONCEPTS))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.dropout(self.body(x).mean((2, 3)), 0.2, self.training))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def augment(x: Tensor, g: torch.Generator) -> Tensor:
    """Mirror, scale, shift, light, blur, noise: the thing is to be judged, not its sharpness or place."""
    n = len(x)

    def spread(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=g)

    mirror = (torch.rand(n, generator=g) < 0.5).float() * 2 - 1
    scale, shift = spread(0.75, 1.1, n), spread(-0.15, 0.15, n, 2)
    zero = torch.zeros(n)
    theta = torch.stack([mirror * scale, zero, shift[:, 0], zero, scale, shift[:, 1]], 1).view(n, 2, 3)
    x = F.grid_sample(
        x, F.affine_grid(theta, list(x.shape), False), padding_mode="reflection", align_corners=False
    )
    blurred = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear")
    x = torch.where(torch.rand(n, 1, 1, 1, generator=g) < 0.4, blurred, x)
    x = x * spread(0.7, 1.3, n, 1, 1, 1) + spread(-0.2, 0.2, n, 1, 1, 1)
    noisy = (torch.rand(n, 1, 1, 1, generator=g) < 0.3).float()
    return x + noisy * 0.1 * torch.randn(x.shape, generator=g)


def read_training(data: Path) -> tuple[Tensor, Tensor, Tensor]:
    """(images (N, 3, 64, 64) uint8, concepts (N,), sampling weights (N,)): equal shares of all concepts."""
    photos = read_captioned(data, "train", SIZE)
    images, concepts = [], []
    for row in read_rows(data / "cifar10" / "train.parquet", ["image", "label"]):
        if row["label"] in ("cat", "dog", "horse"):
            images.append(decode_rgb(row["image"], SIZE))
            concepts.append(CONCEPTS.index(row["label"]))
    of_cifar = torch.tensor(concepts)
    weights = [torch.zeros(len(photos.concepts)), torch.zeros(len(of_cifar))]
    for concept in range(len(CONCEPTS)):
        own, small = photos.concepts == concept, of_cifar == concept
        share = CIFAR_SHARE if small.any() else 0.0
        weights[0][own] = (1 - share) / own.sum()
        weights[1][small] = share / max(1, int(small.sum()))
    return (
        torch.cat([photos.images, torch.stack(images)]),
        torch.cat([photos.concepts, of_cifar]),
        torch.cat(weights),
    )


def train_judge(data: Path, samples: int = 160_000, batch: int = 128, rate: float = 2e-3) -> Judge:
    """Balanced sampling over concepts, Muon with warm-up and a cosine, bf16."""
    images, concepts, weights = read_training(data)
    torch.manual_seed(0)
    judge = Judge()
    optimizer = MuonAdamW(*split_parameters(judge), lr=rate, betas=(0.9, 0.99), weight_decay=0.05)
    steps, g = samples // batch, torch.Generator().manual_seed(0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * (1 + math.cos(math.pi * step / steps)) / 2
        rows = torch.multinomial(weights, batch, replacement=True, generator=g)
        x = augment(images[rows].float() / 127.5 - 1, g)
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(x)
        loss = F.cross_entropy(logits.float(), concepts[rows], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            print(f"judge {step}/{steps} loss {float(loss.detach()):.3f}", flush=True)
    return judge.eval()


@torch.no_grad()
def judged(judge: Judge, images: Tensor) -> Tensor:
    """Concept index (N,) of images (N, 3, 64, 64) in [-1, 1]; a picture and its mirror image vote."""
    both = (judge(chunk) + judge(chunk.flip(-1)) for chunk in images.split(128))
    return torch.cat([logits.argmax(1) for logits in both])


def load_judge(data: Path) -> Judge:
    """The kept judge, or a freshly trained one."""
    judge = Judge()
    if KEPT.exists():
        judge.load_state_dict(load_file(KEPT))
        return judge.eval()
    judge = train_judge(data)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in judge.state_dict().items()}, KEPT)
    return judge


def accuracy(judge: Judge, images: CaptionedSet) -> tuple[float, list[float]]:
    """Mean over concepts of the top-1 accuracy on real pictures, and each concept's."""
    right = judged(judge, images.images.float() / 127.5 - 1) == images.concepts
    each = [float(right[images.concepts == c].float().mean()) for c in range(len(CONCEPTS))]
    return sum(each) / len(each), each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_root())
    args = parser.parse_args()
    judge = load_judge(args.data)
    mean, each = accuracy(judge, read_captioned(args.data, "test", SIZE))
    print(f"real test pictures: {mean:.1%} (mean over concepts)")
    for name, share in zip(CONCEPTS, each, strict=True):
        print(f"  {name:10} {share:.1%}")


if __name__ == "__main__":
    main()
