"""Same weights, same noise: final latents of our loop against diffusers' StableDiffusionPipeline.

    python benchmarks/parity.py [--folder MODEL] [--steps 20] [--size 64]

Without a folder a tiny random Stable Diffusion is written and used. Prints, for every sampler, the
largest absolute difference of the final latents in float32, with guidance 7.5, a negative prompt and
two pictures, beside the largest latent.

Steps are compared at equal times. Where diffusers spaces them otherwise, our loop is given the
pipeline's own list: its DPM-Solver++ divides "leading" by one step more, and its DDIM under "trailing"
steps back by whole divisions of 1000, so counts that divide 1000 are used. diffusers' Euler makes
fractional times of "linspace"; there both are given the whole numbers of our schedule.

At zero terminal SNR diffusers' Euler and DPM-Solver++ put 2^-24 in the place of abar_T = 0, and ours keep 0:
rows that begin at T - 1 then differ by about 2^-12 of the latents (Euler 5e-4; 3e-5 if ours take 2^-24 too).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.sampler import Sampler
from palitra.core.schedule import Schedule
from palitra.guiders.cfg import ClassifierFree
from palitra.models.text_to_image import TextToImage, load_folder
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.samplers.ddim import DDIM
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.samplers.euler import Euler

PROMPTS = ["a photo of a cat in the snow", "an oil painting of a red car, soft light"]
NEGATIVE = ["blurry, low quality", "dark"]
SCALE = 7.5


@dataclass(frozen=True)
class Case:
    """One sampler of ours against one scheduler of diffusers, set up by `options`."""

    name: str
    sampler: Callable[[Schedule], Sampler]
    scheduler: str
    options: dict[str, Any]
    whole_times: bool = False


CASES = (
    Case("DDIM, leading, offset 1", DDIM, "DDIMScheduler", {"timestep_spacing": "leading"}),
    Case("DDIM, trailing", DDIM, "DDIMScheduler", {"timestep_spacing": "trailing"}),
    Case("Euler, leading", Euler, "EulerDiscreteScheduler", {"timestep_spacing": "leading"}),
    Case("Euler, linspace", Euler, "EulerDiscreteScheduler", {"timestep_spacing": "linspace"}, True),
    Case("Euler, trailing", Euler, "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    Case(
        "DPM-Solver++ 2M, leading",
        DPMSolverMultistep,
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "leading"},
    ),
    Case(
        "DPM-Solver++ 2M, linspace",
        DPMSolverMultistep,
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "linspace"},
    ),
    Case(
        "DPM-Solver++ 2M, trailing",
        DPMSolverMultistep,
        "DPMSolverMultistepScheduler",
        {"timestep_spacing": "trailing"},
    ),
)


@dataclass(frozen=True)
class Row:
    """What a case gave."""

    name: str
    difference: float
    largest: float


def load_pipeline(folder: Path) -> Any:
    """The folder as diffusers reads it, in float32 on the CPU, without its progress bars."""
    import diffusers
    from diffusers.utils import logging

    logging.disable_progress_bar()
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def compare(case: Case, pipeline: Any, model: TextToImage, steps: int, size: int) -> Row:
    """Run a case on both sides from the same noise."""
    import diffusers

    cells = size // model.factor
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(PROMPTS), model.latent_channels, cells, cells, generator=generator)
    scheduler = getattr(diffusers, case.scheduler).from_config(pipeline.scheduler.config, **case.options)
    pipeline.scheduler = scheduler
    times = model.schedule.times(steps, case.options.get("timestep_spacing", "leading"), model.steps_offset)
    if not case.whole_times:
        scheduler.set_timesteps(steps)
        times = [int(t) for t in scheduler.timesteps] + [-1]
        assert times[:-1] == scheduler.timesteps.tolist(), "fractional times"
    theirs = _run_pipeline(pipeline, noise, steps, size, times[:-1] if case.whole_times else None)
    # diffusers scales the noise to sigma_0 or sqrt(sigma_0^2 + 1), as the spacing has it
    sigma = model.schedule.sigma(times[0])
    vp = (
        float(scheduler.init_noise_sigma) / (sigma**2 + 1) ** 0.5
        if case.scheduler.startswith("Euler")
        else 1.0
    )
    ours = _run_ours(case.sampler(model.schedule), model, noise * vp, times)
    return Row(case.name, float((ours - theirs).abs().max()), float(theirs.abs().max()))


def _run_pipeline(pipeline: Any, noise: Tensor, steps: int, size: int, times: list[int] | None) -> Tensor:
    return pipeline(
        prompt=PROMPTS,
        negative_prompt=NEGATIVE,
        guidance_scale=SCALE,
        num_inference_steps=steps,
        timesteps=times,
        latents=noise.clone(),
        height=size,
        width=size,
        output_type="latent",
    ).images


def _run_ours(sampler: Sampler, model: TextToImage, noise: Tensor, times: Sequence[int]) -> Tensor:
    wanted, unwanted = encode_prompts(model, PROMPTS, NEGATIVE)
    guider = ClassifierFree(wanted, unwanted, SCALE)
    state = sample(sampler, Predictor(model.denoiser, model.schedule, [guider]), noise, times)
    return sampler.image(state)


def compare_folder(folder: Path, steps: int, size: int, cases: Sequence[Case] = CASES) -> list[Row]:
    """All cases on one model folder."""
    model = load_folder(folder, "cpu", torch.float32)
    pipeline = load_pipeline(folder)
    return [compare(case, pipeline, model, steps, size) for case in cases]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folders = (
            {"model": args.folder}
            if args.folder
            else {
                "epsilon": write_tiny_stable_diffusion(root / "eps"),
                "v, zero terminal SNR": write_tiny_stable_diffusion(
                    root / "v", prediction_type="v_prediction", zero_terminal_snr=True
                ),
            }
        )
        for title, folder in folders.items():
            print(f"{title}, {args.steps} steps, {args.size} px")
            for row in compare_folder(folder, args.steps, args.size):
                print(
                    f"  {row.name:<28} max |difference| {row.difference:.2e}   max |latent| {row.largest:.2f}"
                )


if __name__ == "__main__":
    main()
