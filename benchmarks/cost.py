"""What a picture costs: seconds, network calls, memory on mini; network-forward units on SD 1.5.

    python benchmarks/cost.py [--runs 3]

Cold is the whole command in a new process. Network-forward units count floating-point operations of
the SD 1.5 layout without weights: 1 is one U-Net forward of one 512 px sample, by the same counter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from palitra.core.condition import Condition
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.sketch import SketchGuidance
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.edge_predictor import SD_TAPS, EdgePredictor, EdgePredictorConfig
from palitra.spec.recipes import SketchToImageParams

SKETCH = Path(__file__).parents[1] / "examples" / "sketches" / "giraffe.png"
SD_CHANNELS = (320, 640, 1280, 1280, 1280, 1280, 1280, 1280, 640)


def sd15_units(steps: int = 30) -> tuple[float, float, float]:
    """(forward in GFLOP, units of one guided step, units of the whole recipe at the default dial)."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64, cross_attention_dim=768, attention_head_dim=8, in_channels=4, out_channels=4
        )
        predictor = EdgePredictor(EdgePredictorConfig(SD_TAPS, SD_CHANNELS, 4)).eval().requires_grad_(False)
        x, text, target = torch.zeros(1, 4, 64, 64), torch.zeros(1, 77, 768), torch.zeros(1, 4, 64, 64)
    denoiser, schedule = DiffusersUNet(unet, "epsilon"), Schedule.scaled_linear()
    conditions = (Condition(text), Condition(text))
    beta, stop = SketchToImageParams(prompt="x").dial()

    def count(guiders: list) -> float:
        run = Predictor(denoiser, schedule, guiders)
        with FlopCounterMode(display=False) as counter:
            run(x, 500, 0, steps)
        return counter.get_total_flops()

    plain = count([ClassifierFree(*conditions, 8.0)])
    forward = plain / 2
    guided = count([ClassifierFree(*conditions, 8.0), SketchGuidance(predictor, target, beta, stop)])
    guided_steps = round((1 - stop) * steps)
    whole = (guided_steps * guided + (steps - guided_steps) * plain) / forward
    return forward / 1e9, guided / forward, whole


def cold(runs: int, *words: str) -> list[float]:
    """Seconds of whole commands in new processes."""
    palitra = Path(sys.executable).with_name("palitra")
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            began = time.perf_counter()
            subprocess.run([palitra, *words, "--out", out, "--json"], check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("out/cost.json"))
    args = parser.parse_args()
    told: dict[str, float] = {"threads": torch.get_num_threads(), "cores": os.cpu_count() or 0}
    told["cold sketch, s"] = statistics.median(
        cold(args.runs, "sketch", str(SKETCH), "--prompt", "a photo of a giraffe")
    )
    told["cold text, s"] = statistics.median(cold(args.runs, "text", "a photo of a giraffe"))

    import palitra

    studio = palitra.load()
    drawn = studio.prepare(SKETCH)
    studio.sketch(drawn, "a photo of a giraffe")
    pairs = []
    for seed in range(args.runs):
        guided = studio.sketch(drawn, "a photo of a giraffe", seed=seed)
        plain = studio.text("a photo of a giraffe", seed=seed)
        pairs.append((guided.seconds, plain.seconds))
    told["warm sketch, s"] = statistics.median(g for g, _ in pairs)
    told["warm text, s"] = statistics.median(p for _, p in pairs)
    told["guided / unguided"] = statistics.median(g / p for g, p in pairs)
    told["network calls, sketch"], told["network calls, text"] = guided.network_calls, plain.network_calls
    told["peak memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    batch = studio.sketch(drawn, "a photo of a giraffe", n=8)
    told["sketch in a batch of 8, s/picture"] = batch.seconds / 8
    told["peak memory with a batch of 8, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told["SD 1.5 forward, GFLOP"], told["SD 1.5 guided step, units"], told["SD 1.5 recipe, units"] = (
        sd15_units()
    )
    for name, value in told.items():
        print(f"{name:36} {value:.4g}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
