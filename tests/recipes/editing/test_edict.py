import dataclasses

import pytest
import torch

from palitra.models.text_to_image import load_folder
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.recipes.editing.edict import edict
from palitra.recipes.editing.inversion_store import InversionStore
from tests.recipes.editing.conftest import edit_rows_of

SAME = ("a photo of a cat", "a red car in snow")


def equal_words(job_of, **params):
    return job_of("edict", 2, sources=SAME, targets=SAME, **params)


@pytest.mark.parametrize("strength", [0, 0.5, 0.55, 1])
def test_equal_words_give_the_photo_back_at_any_strength(job_of, strength):
    job = equal_words(job_of, steps=10, strength=strength)
    # the latents leave in float32
    assert torch.allclose(edict(job), job.x0, atol=1e-6)
    assert job.cost.samples == 2 * 8 * round((0.6 + 0.4 * strength) * 10)


def test_also_with_a_network_in_half_precision(job_of, tmp_path):
    model = load_folder(write_tiny_stable_diffusion(tmp_path / "model"), dtype=torch.bfloat16)
    job = equal_words(job_of, model=model)
    assert torch.allclose(edict(job), job.x0, atol=1e-6)


def test_also_with_velocities(job_of, tiny_v_model):
    job = equal_words(job_of, model=tiny_v_model)
    assert torch.allclose(edict(job), job.x0, atol=1e-6)


def test_other_words_change_it_the_more_the_further_back(job_of):
    moved = [float((edict(j := job_of("edict", strength=s)) - j.x0).norm()) for s in (0, 1)]
    assert 1e-3 < moved[0] < moved[1]


def test_four_edits_at_once_are_four_singles(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = edict(job_of("edict", rows=rows, steps=5))
    for i, row in enumerate(rows):
        # batches of another size round otherwise in float32, and undoing mixes makes that larger
        assert torch.allclose(edict(job_of("edict", rows=[row], steps=5))[0], together[i], atol=1e-3)


def test_cost_of_fifty_steps(job_of):
    job = job_of("edict", steps=50)
    edict(job)
    assert (job.cost.calls, job.cost.samples) == (160, 320)


def test_a_photo_is_inverted_once_for_batches_of_a_size(job_of, tiny_model):
    store, rows = InversionStore(), edit_rows_of(tiny_model, 2)
    first = edict(job_of("edict", rows=rows, store=store))
    again = job_of("edict", rows=rows, store=store)
    assert torch.equal(edict(again), first)
    assert again.cost.samples == 2 * 8 * 8 // 2
    alone = job_of("edict", rows=rows[:1], store=store)
    edict(alone)
    assert alone.cost.samples == 8 * 8
    other = dataclasses.replace(rows[0], target="a red house")
    wish = job_of("edict", rows=[other, rows[1]], store=store)
    edict(wish)
    assert wish.cost.samples == again.cost.samples
