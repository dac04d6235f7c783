"""Our loop against diffusers' `StableDiffusionPipeline`; the comparison itself is benchmarks/parity.py."""

import importlib.util
import logging
import sys
from pathlib import Path

import pytest
import torch

from palitra.models.text_to_image import load_folder
from palitra.models.tiny import write_tiny_stable_diffusion

# both work in float32 and diffusers also makes its schedule in float32: latents of size 30 agree to 5e-5
TOLERANCE = 1e-4
STEPS = 10


@pytest.fixture(scope="module")
def parity():
    path = Path(__file__).parents[2] / "benchmarks" / "parity.py"
    spec = importlib.util.spec_from_file_location("parity_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def pair(parity, tiny_folders):
    """The same weights, read by diffusers and by us."""
    for name in ("diffusers", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return parity.load_pipeline(tiny_folders[0]), load_folder(tiny_folders[0])


@pytest.fixture(scope="module")
def v_pair(parity, tmp_path_factory):
    folder = tmp_path_factory.mktemp("v")
    write_tiny_stable_diffusion(folder, prediction_type="v_prediction", zero_terminal_snr=True)
    return parity.load_pipeline(folder), load_folder(folder)


def case(parity, name):
    return next(c for c in parity.CASES if c.name == name)


@pytest.mark.parametrize(
    "name",
    [
        "DDIM, leading, offset 1",
        "DDIM, trailing",
        "Euler, leading",
        "Euler, linspace",
        "Euler, trailing",
        "DPM-Solver++ 2M, leading",
        "DPM-Solver++ 2M, linspace",
        "DPM-Solver++ 2M, trailing",
    ],
)
def test_epsilon_latents_agree(parity, pair, name):
    row = parity.compare(case(parity, name), *pair, STEPS, 64)
    assert row.largest > 1
    assert row.difference <= TOLERANCE


@pytest.mark.parametrize("name", ["DDIM, trailing", "Euler, leading", "DPM-Solver++ 2M, trailing"])
def test_v_latents_at_zero_terminal_snr_agree(parity, v_pair, name):
    row = parity.compare(case(parity, name), *v_pair, STEPS, 64)
    assert row.largest > 1
    assert row.difference <= TOLERANCE


def test_prompts_and_pictures_agree(parity, pair):
    from palitra.conditions.text import encode_prompts

    pipeline, model = pair
    theirs = pipeline.encode_prompt(parity.PROMPTS, "cpu", 1, True, parity.NEGATIVE)
    ours = encode_prompts(model, parity.PROMPTS, parity.NEGATIVE)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.text, b)
    latents = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        pictures = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    assert torch.equal(model.autoencoder.decode(latents), pictures)
