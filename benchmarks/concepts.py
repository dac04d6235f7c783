"""The judge of class agreement: a small network trained on real pictures only.

`load_judge` trains it once (about three minutes on two cores) and keeps it in an ignored folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from palitra.data.datasets import data_root
from palitra.train.captioned import CONCEPTS, CaptionedSet, read_captioned

SIZE = 64
KEPT = Path("runs/judge/judge.safetensors")


class Judge(nn.Module):
    """Residual convolutions, images (B, 3, 64, 64) in [-1, 1] -> logits (B, 8)."""

    def __init__(self, widths: tuple[int, ...] = (16, 48, 96, 160)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        layers: list[nn.Module] = []
        for i, o in zip(widths, (*widths[1:], 224), strict=True):
            layers += [Residual(i), nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(224, len(CONCEPTS))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.dropout(F.relu(self.body(self.stem(x))).mean((2, 3)), 0.2, self.training))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(F.relu(self.norm(x)))


def augment(x: Tensor, g: torch.Generator) -> Tensor:
    """Mirror, shift by up to 6 px, blur or add noise: what is judged must be the thing, not the sharpness."""
    if torch.rand((), generator=g) < 0.5:
        x = x.flip(-1)
    dx, dy = torch.randint(-6, 7, (2,), generator=g).tolist()
    x = F.pad(x, (6, 6, 6, 6), mode="reflect")[..., 6 + dy : 6 + dy + SIZE, 6 + dx : 6 + dx + SIZE]
    kind = float(torch.rand((), generator=g))
    if kind < 0.25:
        x = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    elif kind < 0.5:
        x = x + 0.1 * torch.randn(x.shape, generator=g)
    return x * (0.8 + 0.4 * torch.rand((), generator=g))


def train_judge(images: CaptionedSet, epochs: int = 6, batch: int = 64) -> Judge:
    """Balanced sampling over concepts, AdamW with a cosine, bf16."""
    torch.manual_seed(0)
    judge = Judge().to(memory_format=torch.channels_last)
    steps = epochs * len(images.images) // batch
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    g, weights = torch.Generator().manual_seed(0), images.weights(0.25)
    for step in range(steps):
        rows = torch.multinomial(weights, batch, replacement=True, generator=g)
        x = augment(images.images[rows].float() / 127.5 - 1, g)
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(x)
        loss = F.cross_entropy(logits.float(), images.concepts[rows], label_smoothing=0.05)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 100 == 0:
            print(f"judge {step}/{steps} loss {float(loss.detach()):.3f}", flush=True)
    return judge.eval()


@torch.no_grad()
def judged(judge: Judge, images: Tensor) -> Tensor:
    """Concept index (N,) of images (N, 3, 64, 64) in [-1, 1]."""
    return torch.cat([judge(chunk).argmax(1) for chunk in images.split(128)])


def load_judge(data: Path) -> Judge:
    """The kept judge, or a freshly trained one."""
    judge = Judge()
    if KEPT.exists():
        judge.load_state_dict(load_file(KEPT))
        return judge.eval()
    judge = train_judge(read_captioned(data, "train", SIZE))
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
