"""Guide-and-Rescale as arranged here against the released arrangement, on a random network of SD 1.5's shape.

    python benchmarks/guide_and_rescale.py [--size 512] [--steps 5] [--preset local] [--arms released,ours]

"released" is written from the description of the released code: float32, an inversion, then in every step
four passes of one sample each (no words, photo, photo's words on the edit, wish), whole attention maps in
each of them, the third with a graph, and the gradient while guidance lasts. It is spared that code's graph of
the fourth pass, which nothing reads in the local preset: with it the network would not fit into 24 GB. "ours"
is what `palitra edit` runs; "ours checkpointed" the same with gradients piece by piece, "ours bf16" with a
network in half precision. Each arm is a process of its own: seconds, and the peak of its memory above the
weights. Latents of all arms are compared with the first's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from palitra.bench.peak_memory import PeakMemory
from palitra.core.condition import Condition
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rows import Rows
from palitra.core.schedule import Schedule
from palitra.core.step import Step
from palitra.core.tap import Bus, Record
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.guide_and_rescale import GuideAndRescale, GuideAndRescaleConfig, inputs_of, rescale
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.samplers.ddim import DDIM
from palitra.samplers.inversion import ddim_inversion
from palitra.taps.keep import Keep

SCALE = 7.5
SCHEDULE = Schedule.scaled_linear(final_abar=None)
ARMS = ("released", "ours", "ours checkpointed", "ours bf16")
PRESETS = {"local": (3e5, 500, 0, 0.6, 0.33, 3.0), "style": (1e5, 0, 2.5, 0.5, 1.5, 1.5)}


def network(dtype: torch.dtype, device: str, tiny: bool) -> DiffusersUNet:
    """SD 1.5's shape with random weights, those of the last convolution small so that latents stay tame."""
    torch.manual_seed(0)
    widths = (32, 64, 64, 64) if tiny else (320, 640, 1280, 1280)
    with torch.device(device):
        unet = UNet2DConditionModel(
            block_out_channels=widths,
            cross_attention_dim=768,
            attention_head_dim=8,
            norm_num_groups=8 if tiny else 32,
        )
    with torch.no_grad():
        unet.conv_out.weight.mul_(0.3)
    return DiffusersUNet(unet.to(dtype), "epsilon")


def config_of(unet: DiffusersUNet, preset: str) -> GuideAndRescaleConfig:
    attentions = tuple(s for s in unet.sites if s.endswith(".self.attend"))
    return GuideAndRescaleConfig(*PRESETS[preset], attentions, "up.3.attn.2", "up.1.res.1")


def inputs(size: int, device: str) -> tuple[Tensor, Condition, Condition, Condition]:
    g = torch.Generator().manual_seed(1)
    photo = torch.randn(1, 4, size // 8, size // 8, generator=g).to(device)
    words = [Condition(text=torch.randn(1, 77, 768, generator=g).to(device)) for _ in range(3)]
    return photo, *words


def ours(unet: DiffusersUNet, size: int, steps: int, preset: str, checkpoint: bool, device: str) -> Tensor:
    photo, source, target, empty = inputs(size, device)
    times, config = SCHEDULE.times(steps), config_of(unet, preset)
    sites = [inputs_of(config.attention_sites)]
    sites += [config.appearance_site] if config.appearance else []
    sites += [config.style_site] if config.style else []
    keep = Keep("|".join(sites), "target", set(times[1 : round(config.guided * steps)]).__contains__)
    inverting = Predictor(unet, SCHEDULE, [Conditional(source)], [keep])
    noise, _ = ddim_inversion(inverting, photo, times)
    guiders = [ClassifierFree(target, empty, SCALE), GuideAndRescale(config, source, keep.kept)]
    predictor = Predictor(unet, SCHEDULE, guiders, checkpoint=checkpoint)
    return sample(DDIM(SCHEDULE), predictor, noise, times)


def released(unet: DiffusersUNet, size: int, steps: int, preset: str, device: str) -> Tensor:
    photo, source, target, empty = inputs(size, device)
    times, config = SCHEDULE.times(steps), config_of(unet, preset)
    maps = "|".join(s.replace(".attend", ".probs") for s in config.attention_sites)
    wanted = f"{maps}|{config.appearance_site}|{config.style_site}"

    def run(x: Tensor, t: int, words: Condition, graph: bool) -> tuple[Tensor, dict[str, Tensor]]:
        step = Step(0, steps, t, SCHEDULE.signal(t), x)
        bus = Bus([Record(wanted, ("one",))], Rows({"one": slice(0, 1)}), step)
        with torch.set_grad_enabled(graph):
            made = unet(x, t, words, bus)
        return made, {site: value for (_, site), value in step.seen.items()}

    def move(x: Tensor, eps: Tensor, t: int, u: int) -> Tensor:
        a, b = SCHEDULE.signal(t), SCHEDULE.signal(u)
        return (b / a) ** 0.5 * x + ((1 - b) ** 0.5 - (b * (1 - a) / a) ** 0.5) * eps

    path = [photo]
    for index in reversed(range(steps)):
        t, u = times[index], times[index + 1]
        path.append(move(path[-1], run(path[-1], max(u, 0), source, False)[0], u, t))
    path.reverse()
    x = path[0]
    for index, t in enumerate(times[:-1]):
        e0, _ = run(x, t, empty, False)
        _, kept = run(path[index], t, source, False)
        leaf = x.clone().requires_grad_()
        _, now = run(leaf, t, source, True)
        # the style energy reads the features of the wish's pass, so only then does that pass need its graph
        e1, wish = run(leaf if config.style else x, t, target, bool(config.style))
        guidance = SCALE * (e1.detach() - e0)
        eps = e0 + guidance
        if 0 < index < round(config.guided * steps):
            energy = sum((now[s] - kept[s]).square().mean() for s in maps.split("|")) * config.self_attention
            if config.appearance:
                site = config.appearance_site
                energy = energy + config.appearance * (now[site] - kept[site]).abs().mean()
            if config.style:
                site = config.style_site
                energy = energy + config.style * (wish[site] - kept[site]).square().mean()
            (g,) = torch.autograd.grad(energy, leaf)
            eps = eps + rescale(g, guidance, config.low, config.high)
        x = move(x, eps, t, times[index + 1])
    return x


def work(arm: str, given: argparse.Namespace, out: Path) -> None:
    """One arm in this process; prints its numbers as JSON."""
    dtype = torch.bfloat16 if "bf16" in arm else torch.float32
    unet = network(dtype, given.device, given.tiny)
    if given.device == "cuda":
        # kernels are chosen before the clock starts
        ours(unet, given.size, 2, given.preset, False, given.device)
        torch.cuda.synchronize()
    with PeakMemory(given.device) as memory:
        began = time.perf_counter()
        if arm == "released":
            made = released(unet, given.size, given.steps, given.preset, given.device)
        else:
            made = ours(unet, given.size, given.steps, given.preset, "checkpointed" in arm, given.device)
        if given.device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    torch.save(made.float().cpu(), out)
    print(json.dumps({"arm": arm, "seconds": seconds, "gib": memory.bytes / 2**30}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--preset", choices=PRESETS, default="local")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tiny", action="store_true", help="a thin network, to try the script")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given, given.out)
        return
    first: dict[str, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for arm in given.arms.split(","):
            out = Path(folder) / f"{arm}.pt"
            command = [sys.executable, __file__, *sys.argv[1:], "--work", arm, "--out", str(out)]
            told = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
            made = torch.load(out, weights_only=True)
            if first is None:
                first, reference = told, made
            apart = float((made - reference).norm() / reference.norm())
            print(
                f"{arm:<18} {told['seconds']:8.1f} s  {told['gib']:6.2f} GiB above the weights  "
                f"time {told['seconds'] / first['seconds']:.2f}  memory {told['gib'] / first['gib']:.2f}  "
                f"latents apart {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
