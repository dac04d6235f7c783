"""Does sketch guidance follow the sketch, and does the picture stay what the words say?

    python benchmarks/sketch_guidance.py [--sketches 200] [--photos 100] [--curve 64] [--steps 30]

Human sketches of the pacs test split with their class phrase as prompt, and edges detected on unseen
photos. Compared on equal seeds: guided at the default dial, unguided, img2img from the sketch; then the
curve over the dial. F1 and Chamfer distance are between the sketch's thinned lines and the picture's
thinned detected edges, tolerance 2 px at 64.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import palitra
from concepts import CONCEPTS, judged, load_judge
from palitra.conditions.text import encode_prompts
from palitra.core.condition import Condition
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.data.datasets import data_root, decode_rgb, read_rows
from palitra.data.edges import EdgeDetector
from palitra.data.images import to_image
from palitra.data.sheets import contact_sheet
from palitra.data.sketch_input import normalise_sketch
from palitra.data.strokes import skeleton
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.sketch import SketchGuidance
from palitra.metrics.edges import boundary_f1, chamfer
from palitra.samplers.ddim import DDIM
from palitra.spec.recipes import SketchToImageParams
from palitra.studio import Studio
from palitra.train.sketch_pack import edge_picture

TOLERANCE = 2.0
BATCH = 16


@dataclass(frozen=True, eq=False)
class Case:
    """A drawing (1, 64, 64) in [0, 1] black on white, and what it shows."""

    drawing: Tensor
    concept: int


@dataclass(frozen=True)
class Score:
    """Means over cases."""

    f1: float
    precision: float
    recall: float
    chamfer: float
    agreement: float
    seconds: float


def human_sketches(data: Path, size: int, width: float, count: int) -> list[Case]:
    """Human sketches spread over the whole file (it is sorted by concept), normalised as a user's."""
    columns = ["image", "domain", "label"]
    rows = [r for r in read_rows(data / "pacs" / "test.parquet", columns) if r["domain"] == "sketch"]
    cases = []
    for index in np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int):
        row = rows[index]
        rgb = decode_rgb(row["image"])
        sketch = normalise_sketch(Image.fromarray(rgb.permute(1, 2, 0).numpy()), size, width)
        drawing = torch.from_numpy(np.asarray(sketch.picture, dtype=np.float32) / 255)[None]
        cases.append(Case(drawing, CONCEPTS.index(row["label"])))
    return cases


def detected_edges(data: Path, size: int, width: float, count: int, detector: EdgeDetector) -> list[Case]:
    """Edges of unseen photos: pets, faces and pacs in turn."""
    sources = [
        (("pacs", "label"), lambda r: r["domain"] == "photo"),
        (("pets", "label"), lambda r: True),
        (("faces-video", None), lambda r: True),
    ]
    cases: list[Case] = []
    for (name, label), wanted in sources if count else ():
        columns = ["image", *([label] if label else []), *(["domain"] if name == "pacs" else [])]
        rows = [r for r in read_rows(data / name / "test.parquet", columns) if wanted(r)]
        step = max(1, len(rows) // -(-count // 3))
        for row in rows[::step][: -(-count // 3)]:
            image = decode_rgb(row["image"], 128).float()[None] / 255
            soft = detector.detect(image)[0, 0]
            concept = CONCEPTS.index(row[label]) if label else CONCEPTS.index("person")
            cases.append(Case(edge_picture(soft, size, width), concept))
    return cases[:count]


def draw(
    studio: Studio, cases: list[Case], steps: int, beta: float, stop: float, strength: float | None = None
) -> Tensor:
    """Pictures (N, 3, S, S) in [-1, 1], seed i for case i; `strength` makes img2img from the drawing."""
    model, (predictor, _) = studio.model, studio.predictor()
    times = model.schedule.times(steps, model.spacing, model.steps_offset)
    pictures = []
    for start in range(0, len(cases), BATCH):
        group = cases[start : start + BATCH]
        names = [CONCEPTS[c.concept] for c in group]
        prompts = [f"a photo of {'an' if n[0] in 'aeiou' else 'a'} {n}" for n in names]
        with torch.no_grad():
            condition, negative = encode_prompts(model, prompts, [""] * len(group))
            drawings = torch.stack([c.drawing for c in group]).expand(-1, 3, -1, -1)
            target = model.autoencoder.encode(drawings * 2 - 1)
        scale = model.prompt_scale * (1 + model.words_gain * beta)
        guiders = [ClassifierFree(Condition(condition.text), Condition(negative.text), scale)]
        if beta > 0:
            guiders.append(SketchGuidance(predictor, target, beta, stop))
        noise = Noise(range(start, start + len(group)))
        side = model.size // model.factor
        x = noise.normal((model.autoencoder.channels, side, side))
        first = 0
        if strength is not None:
            first = round((1 - strength) * steps)
            abar = model.schedule.signal(times[first])
            x = abar**0.5 * target + (1 - abar) ** 0.5 * x
        run = Predictor(model.denoiser, model.schedule, guiders)
        x = sample(DDIM(model.schedule), run, x, times, noise, first=first)
        with torch.no_grad():
            pictures.append(model.autoencoder.decode(x).clamp(-1, 1))
    return torch.cat(pictures)


def lines_of(drawing: Tensor) -> np.ndarray:
    """Thinned ink (H, W) of a drawing (1, H, W)."""
    return skeleton(drawing[0].numpy() < 0.5)


def score(
    studio: Studio, judge: torch.nn.Module, detector: EdgeDetector, cases: list[Case], made: Tensor
) -> Score:
    """Compare pictures with their drawings."""
    soft = torch.cat([detector.detect((chunk + 1) / 2) for chunk in made.split(32)])
    found = np.stack([skeleton(np.asarray(s[0].numpy() > 0.5)) for s in soft])
    wanted = np.stack([lines_of(c.drawing) for c in cases])
    f = boundary_f1(torch.from_numpy(found)[:, None], torch.from_numpy(wanted)[:, None], TOLERANCE)
    distance = chamfer(torch.from_numpy(found)[:, None], torch.from_numpy(wanted)[:, None])
    right = judged(judge, F.interpolate(made, size=64)) == torch.tensor([c.concept for c in cases])
    return Score(
        float(f.f1.mean()), float(f.precision.mean()), float(f.recall.mean()), float(distance.mean()),
        float(right.float().mean()), 0.0,
    )  # fmt: skip


def sheet(cases: list[Case], rows: list[Tensor], path: Path, count: int = 10) -> None:
    """One column per case: the drawing, then one picture per condition."""
    pick = np.linspace(0, len(cases) - 1, count).astype(int).tolist()
    images = [to_image(cases[i].drawing.expand(3, -1, -1)) for i in pick]
    for row in rows:
        images += [to_image((row[i] + 1) / 2) for i in pick]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(images, count).save(path)
    print(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--predictor", type=Path, default=None)
    parser.add_argument("--sketches", type=int, default=200)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--curve", type=int, default=64)
    parser.add_argument("--fidelities", type=float, nargs="*", default=[0.2, 0.4, 0.6, 0.8, 1.0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--strength", type=float, default=0.7)
    parser.add_argument("--data", type=Path, default=data_root())
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    studio = palitra.load(args.model, predictor=args.predictor)
    judge, detector, width = load_judge(args.data), EdgeDetector.load(), studio.predictor()[1]
    size = studio.model.size
    default = SketchToImageParams(prompt="x").dial()
    results: dict[str, dict[str, float]] = {}

    def measure(
        name: str, cases: list[Case], beta: float, stop: float, strength: float | None = None
    ) -> Tensor:
        began = time.perf_counter()
        made = draw(studio, cases, args.steps, beta, stop, strength)
        seconds = time.perf_counter() - began
        s = score(studio, judge, detector, cases, made)
        results[name] = {**vars(s), "seconds": seconds / len(cases), "count": len(cases)}
        print(
            f"{name:34} F1 {s.f1:.3f}  P {s.precision:.3f}  R {s.recall:.3f}  Chamfer {s.chamfer:.2f} px  "
            f"class {s.agreement:.1%}  {seconds / len(cases):.2f} s/picture",
            flush=True,
        )
        return made

    sets = {
        "human sketches": human_sketches(args.data, size, width, args.sketches),
        "detected edges": detected_edges(args.data, size, width, args.photos, detector),
    }
    for name, cases in sets.items():
        if not cases:
            continue
        rows = [
            measure(f"{name}: unguided", cases, 0, 1),
            measure(f"{name}: img2img {args.strength:g}", cases, 0, 1, args.strength),
            measure(f"{name}: guided (default)", cases, *default),
        ]
        sheet(cases, rows, args.out / f"{name.replace(' ', '-')}.png")
        for fidelity in args.fidelities if args.curve else []:
            dial = SketchToImageParams(prompt="x", fidelity=fidelity).dial()
            measure(f"{name}: fidelity {fidelity:g}", cases[:: max(1, len(cases) // args.curve)], *dial)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "sketch_guidance.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
