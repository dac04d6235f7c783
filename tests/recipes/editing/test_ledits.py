import dataclasses

import pytest
import torch

from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.ledits import concepts, ledits, masking
from tests.recipes.editing.conftest import edit_rows_of

SAME = ("a photo of a cat", "a red car in snow")


def test_strength_0_gives_the_photo_back(job_of):
    job = job_of("ledits++", 2, strength=0)
    # float32, batches of another size
    assert torch.allclose(ledits(job), job.x0, atol=1e-5)


@pytest.mark.parametrize("strength", [0.5, 1])
def test_equal_words_give_the_photo_back_and_say_so(job_of, strength):
    job = job_of("ledits++", 2, sources=SAME, targets=SAME, strength=strength)
    assert torch.allclose(ledits(job), job.x0, atol=1e-5)
    assert [n.code for n in job.notes] == ["words_equal"]
    # the inversion and the base alone
    assert job.cost.samples == 2 * 2 * 9


def test_velocities_work_too(job_of, tiny_v_model):
    job = job_of("ledits++", 2, sources=SAME, targets=SAME, model=tiny_v_model)
    assert torch.allclose(ledits(job), job.x0, atol=1e-5)


def test_new_words_are_added_and_lost_words_removed(job_of):
    sources = ("a photo of a cat", "a photo of a cat", "", "a photo of a cat in snow")
    targets = ("a photo of a dog", "a photo of a red cat", "a photo of a dog", "a photo of a cat")
    new, lost = concepts(job_of("ledits++", 4, sources=sources, targets=targets))
    assert (new.name, lost.name) == ("target", "lost")
    assert new.amount.tolist() == [5, 5, 5, 0]
    assert lost.amount.tolist() == [-5, 0, 0, -5]
    # behind the mark of the beginning: "dog" is the fifth word, "red" the fifth, then all but the articles
    assert [row.nonzero().flatten().tolist() for row in new.words] == [[5], [5], [2, 3, 5], []]
    assert lost.words[0].nonzero().flatten().tolist() == [5]


def test_as_published_the_whole_wish_is_the_concept(job_of):
    (whole,) = concepts(job_of("ledits++", official=True))
    assert whole.name == "target"
    assert whole.words[0].nonzero().flatten().tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("strength", "scale", "threshold"), [(0.2, 2, 0.9), (0.5, 5, 0.9), (0.75, 7.5, 0.825), (1, 10, 0.75)]
)
def test_scale_and_threshold_by_strength(job_of, strength, scale, threshold):
    job = job_of("ledits++", strength=strength)
    assert concepts(job)[0].amount.tolist() == [pytest.approx(scale)]
    assert masking(job).threshold == pytest.approx(threshold)
    assert masking(job).noisiest == 800


def test_masks_are_for_local_edits(job_of):
    sites = job_of("ledits++").model.denoiser.sites
    # the latent of the tiny model has 8 cells a side: its finest level is coarse enough
    finest = tuple(s for s in sites if s.endswith(".cross.attend") and s.startswith(("down.0.", "up.3.")))
    assert len(finest) == 5
    assert masking(job_of("ledits++")).sites == finest
    assert masking(job_of("ledits++", preset="style")) is None


def test_cost_of_fifty_steps(job_of):
    job = job_of("ledits++", steps=50)
    ledits(job)
    assert job.cost.samples == 43 * 4
    # 43 times of one sample, 16 a call; the base and both concepts are one call
    assert job.cost.calls == 3 + 43


def test_it_goes_further_with_strength_and_without_masks(job_of):
    moved = [
        float((ledits(j := job_of("ledits++", **params)) - j.x0).norm())
        for params in ({"strength": 0.2}, {"strength": 1}, {"strength": 1, "preset": "style"})
    ]
    assert 1e-3 < moved[0] < moved[1] < moved[2]


@pytest.mark.parametrize("preset", ["local", "style"])
def test_four_edits_at_once_are_four_singles(job_of, tiny_model, preset):
    rows = edit_rows_of(tiny_model, 4)
    together = ledits(job_of("ledits++", rows=rows, preset=preset))
    for i, row in enumerate(rows):
        alone = ledits(job_of("ledits++", rows=[row], preset=preset))[0]
        # float32, batches of another size
        assert torch.allclose(alone, together[i], atol=1e-3)


def test_the_inversion_serves_other_words_of_the_same_seed(job_of, tiny_model):
    store, rows = InversionStore(), edit_rows_of(tiny_model, 2)
    ledits(job_of("ledits++", rows=rows, store=store))
    others = [dataclasses.replace(r, source="a car", target="a house") for r in rows]
    job = job_of("ledits++", rows=others, store=store)
    ledits(job)
    assert job.cost.samples == 9 * 3 * 2


def test_outside_a_mask_the_photo_stays(job_of, tiny_model):
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1
    job = job_of("ledits++", rows=edit_rows_of(tiny_model, 1, masks=[mask]), preset="style")
    moved = (ledits(job) - job.x0).abs()
    assert moved[..., :4].max() == 0 < moved[..., 4:].max()
