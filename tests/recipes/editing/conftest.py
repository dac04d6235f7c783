"""Jobs over a tiny random Stable Diffusion: noise for photos, other words in every row."""

import pytest
import torch

from palitra.models.text_to_image import load_folder
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.rows import EditRow, make_job
from palitra.spec.edit import EditParams

SOURCES = ("a photo of a cat", "a photo of a dog", "an oil painting of a house", "a red car in snow")
TARGETS = ("a photo of a dog", "an oil painting of a dog", "an oil painting of a car", "a blurry red car")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return load_folder(write_tiny_stable_diffusion(tmp_path_factory.mktemp("editing") / "model"))


@pytest.fixture(scope="session")
def tiny_v_model(tmp_path_factory):
    """With v-prediction and zero terminal SNR, as the embedded model."""
    folder = tmp_path_factory.mktemp("editing-v") / "model"
    options = {"prediction_type": "v_prediction", "zero_terminal_snr": True}
    return load_folder(write_tiny_stable_diffusion(folder, **options))


def edit_rows_of(model, count=1, sources=SOURCES, targets=TARGETS, masks=None):
    """`count` photos of smooth noise, each with words of its own."""
    rows = []
    for i in range(count):
        g = torch.Generator().manual_seed(50 + i)
        coarse = torch.rand(1, 3, 8, 8, generator=g)
        picture = torch.nn.functional.interpolate(coarse, size=(model.size, model.size), mode="bilinear")[0]
        mask = None if masks is None else masks[i]
        rows.append(EditRow(picture, sources[i % len(sources)], targets[i % len(targets)], 7 + i, mask))
    return rows


@pytest.fixture
def job_of(tiny_model):
    """`job_of("ddim", n_rows=2, steps=10, strength=.5, …)`: a job of `n_rows` different edits.

    model, store, sources, targets and rows may be given; all else goes to `EditParams`.
    """

    def make(
        method="ddim",
        n_rows=1,
        *,
        model=None,
        store=None,
        sources=SOURCES,
        targets=TARGETS,
        rows=None,
        **params,
    ):
        model = model or tiny_model
        rows = rows or edit_rows_of(model, n_rows, sources, targets)
        values = {"target": rows[0].target, "source": rows[0].source, "steps": 10, "method": method}
        return make_job(model, EditParams(**(values | params)), rows, store or InversionStore())

    return make
