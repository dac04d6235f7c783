import dataclasses

import pytest
import torch

from palitra.guiders.cfg import ClassifierFree
from palitra.recipes.editing.edit_friendly import edit_friendly
from palitra.recipes.editing.inversion_store import InversionStore
from tests.recipes.editing.conftest import edit_rows_of

SAME = ("a photo of a cat", "a red car in snow")


@pytest.mark.parametrize("strength", [0, 0.5, 1])
def test_equal_words_and_scales_give_the_photo_back(job_of, strength):
    job = job_of("edit-friendly", 2, sources=SAME, targets=SAME, prompt_scale=3.5, strength=strength)
    # float32, batches of another size
    assert torch.allclose(edit_friendly(job), job.x0, atol=1e-5)


def test_also_with_velocities(job_of, tiny_v_model):
    job = job_of("edit-friendly", 2, sources=SAME, targets=SAME, prompt_scale=3.5, model=tiny_v_model)
    assert torch.allclose(edit_friendly(job), job.x0, atol=1e-5)


def test_the_published_defaults(job_of, monkeypatch):
    """Of 50 steps 18 are skipped; a wish is guided by 15."""
    scales = []

    def guider(told, empty, scale):
        scales.append(scale)
        return ClassifierFree(told, empty, scale)

    monkeypatch.setattr("palitra.recipes.editing.edit_friendly.ClassifierFree", guider)
    job = job_of("edit-friendly", steps=50)
    edit_friendly(job)
    assert scales == [15]
    assert job.cost.samples == 128
    # 64 samples of the inversion, 16 a call
    assert job.cost.calls == 4 + 32


def test_every_seed_gives_another_edit(job_of, tiny_model):
    (row,) = edit_rows_of(tiny_model, 1)
    rows = [row, dataclasses.replace(row, seed=99)]
    made = edit_friendly(job_of("edit-friendly", rows=rows))
    assert (made[0] - made[1]).abs().max() > 1e-2


def test_it_goes_further_with_strength(job_of):
    moved = [
        float((edit_friendly(j := job_of("edit-friendly", strength=s)) - j.x0).norm()) for s in (0, 0.5, 1)
    ]
    assert 1e-3 < moved[0] < moved[1] < moved[2]


def test_four_edits_at_once_are_four_singles(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 4)
    together = edit_friendly(job_of("edit-friendly", rows=rows))
    for i, row in enumerate(rows):
        alone = edit_friendly(job_of("edit-friendly", rows=[row]))[0]
        # float32 under guidance of 15, batches of another size
        assert torch.allclose(alone, together[i], atol=1e-3)


def test_another_wish_of_a_photo_and_seed_costs_no_inversion(job_of, tiny_model):
    store, rows = InversionStore(), edit_rows_of(tiny_model, 2)
    other = dataclasses.replace(rows[1], seed=99)
    edit_friendly(job_of("edit-friendly", rows=[rows[0], other], store=store))
    wishes = [dataclasses.replace(rows[0], target="a red house"), rows[1]]
    job = job_of("edit-friendly", rows=wishes, store=store)
    made = edit_friendly(job)
    steps = 10 - round(0.36 * 10)
    assert job.cost.samples == steps * (2 + 4)
    fresh = edit_friendly(job_of("edit-friendly", rows=wishes))
    assert torch.allclose(made, fresh, atol=1e-3)


def test_wishes_for_a_photo_and_seed_share_its_inversion_within_a_batch(job_of, tiny_model):
    (row,) = edit_rows_of(tiny_model, 1)
    rows = [row, dataclasses.replace(row, target="a red house"), dataclasses.replace(row, seed=99)]
    job = job_of("edit-friendly", rows=rows)
    together = edit_friendly(job)
    steps = 10 - round(0.36 * 10)
    assert job.cost.samples == steps * (2 * 2 + 3 * 2)
    for i, each in enumerate(rows):
        alone = edit_friendly(job_of("edit-friendly", rows=[each]))[0]
        assert torch.allclose(alone, together[i], atol=1e-3)


def test_outside_a_mask_the_photo_stays(job_of, tiny_model):
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1
    job = job_of("edit-friendly", rows=edit_rows_of(tiny_model, 1, masks=[mask]))
    moved = (edit_friendly(job) - job.x0).abs()
    assert moved[..., :4].max() == 0 < moved[..., 4:].max()
