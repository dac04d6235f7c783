import pytest
import torch

from palitra.errors import InputError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.recipes.editing.masactrl import edit_with, masactrl, shares
from palitra.taps.masactrl import GivenMasks
from tests.recipes.editing.conftest import edit_rows_of


def plain(job, scale=None):
    """Guidance from the noise of the photo under the empty prompt."""
    start = job.trajectory(job.empty, words=[""] * len(job.x0))[0]
    return job.run([ClassifierFree(job.target, job.empty, job.scale() if scale is None else scale)], start)


def without_words(job_of, model, **params):
    rows = edit_rows_of(model, 1, sources=("",), targets=("",))
    return job_of("masactrl", rows=rows, target="x", source="", **params)


def test_50_steps_cost_at_most_200_forwards(job_of):
    job = job_of("masactrl", steps=50)
    masactrl(job)
    # the inversion, whose first move may be none; two halves alone in four steps, with the photo in 46
    assert job.cost.samples - (4 * 2 + 46 * 3) in (49, 50)
    assert job.cost.samples <= 200


def test_at_strength_1_nothing_holds_the_photo(job_of):
    job = job_of("masactrl", 2, strength=1, steps=5)
    made = masactrl(job)
    assert torch.equal(made, plain(job))
    assert not torch.allclose(made, masactrl(job_of("masactrl", 2, store=job.store, steps=5)), atol=1e-2)


def test_at_strength_0_the_edit_is_the_photo_as_its_inversion_gives_it_back(job_of):
    job = job_of("masactrl", official=True, strength=0, steps=5)
    # without guidance the edit goes the photo's own way and reads itself; float32 over five steps
    assert torch.allclose(masactrl(job), plain(job, 0.0), atol=1e-4)


@pytest.mark.parametrize("variant", ["plain", "union"])
def test_words_that_ask_for_nothing_give_the_photo_back(job_of, tiny_model, variant):
    job = without_words(job_of, tiny_model, official=True, steps=5)
    start = job.trajectory()[0]
    reconstruction = job.run([Conditional(job.source)], start)
    # float32: guidance multiplies the rounding of two equal halves
    assert torch.allclose(edit_with(job, variant), reconstruction, atol=1e-3)


def test_the_photo_is_read_off_its_path_and_as_released_beside_the_edit(job_of):
    job = job_of("masactrl", steps=5)
    released = job_of("masactrl", steps=5, official=True, store=job.store)
    difference = (masactrl(job) - masactrl(released)).abs().max()
    # the inversion's error is all that tells the two apart
    assert 1e-4 < difference < 1


@pytest.mark.parametrize("variant", ["plain", "union", "auto"])
def test_four_edits_are_four_single_edits(job_of, tiny_model, variant):
    rows = edit_rows_of(tiny_model, 4)
    together = edit_with(job_of("masactrl", rows=rows, steps=3), variant)
    singles = [edit_with(job_of("masactrl", rows=[row], steps=3), variant) for row in rows]
    # float32 sums in other orders, grown by guidance
    assert torch.allclose(together, torch.cat(singles), atol=2e-3)


def test_the_embedded_models_kind_of_prediction(job_of, tiny_v_model):
    job = job_of("masactrl", 2, model=tiny_v_model, steps=5)
    assert torch.isfinite(masactrl(job)).all()


@pytest.mark.parametrize(
    ("ease", "expected"),
    [(0, (0.08, 0.08)), (0.5, (0.08, 0.54)), (1, (0.08, 1)), (1.5, (0.04, 1)), (2, (0, 1))],
)
def test_steps_by_strength(ease, expected):
    assert shares(ease) == pytest.approx(expected)


def test_masks_of_everything_are_no_masks(job_of):
    job = job_of("masactrl", steps=5)
    whole = torch.ones(1, 1, *job.x0.shape[-2:])
    masked = edit_with(job, "mask", GivenMasks(whole, whole))
    # a masked kernel sums in another order
    assert torch.allclose(masked, edit_with(job), atol=1e-3)
    left = whole.clone()
    left[..., 4:] = 0
    assert not torch.allclose(edit_with(job, "mask", GivenMasks(left, left)), masked, atol=1e-2)


def test_masks_of_words_are_those_of_the_swapped_words(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 1, ("a photo of a cat",), ("a photo of a dog",))
    job = job_of("masactrl", rows=rows, steps=5)
    made = edit_with(job, "auto", threshold=0.5)
    assert not job.notes
    assert not torch.allclose(made, edit_with(job, "auto", threshold=0), atol=1e-3)


def test_words_that_are_only_added_are_edited_without_masks_and_said(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 1, ("a photo of a cat",), ("a photo of a red cat",))
    job = job_of("masactrl", rows=rows, steps=5)
    made = edit_with(job, "auto", threshold=0.5)
    assert [n.code for n in job.notes] == ["no_swapped_words"]
    assert torch.allclose(made, edit_with(job, "auto", threshold=0), atol=1e-3)


def test_masks_that_are_missing_or_of_another_size_are_refused(job_of):
    job = job_of("masactrl", steps=5)
    with pytest.raises(InputError, match="`mask` must be given for MasaCtrl with masks"):
        edit_with(job, "mask")
    small = torch.ones(1, 1, 4, 4)
    with pytest.raises(InputError, match=r"`photo mask` must have the shape \(1, 1, 8, 8\)"):
        edit_with(job, "mask", GivenMasks(small, small))


def test_the_jobs_mask_serves_both_pictures(job_of, tiny_model):
    mask = torch.zeros(1, tiny_model.size, tiny_model.size)
    mask[:, :, :32] = 1
    job = job_of("masactrl", rows=edit_rows_of(tiny_model, 1, masks=[mask]), steps=5)
    path = job.trajectory(job.empty, words=[""])
    made = edit_with(job, "mask")
    inside, outside = made[..., :4], made[..., 4:]
    assert torch.equal(outside, path[-1][..., 4:])
    assert not torch.allclose(inside, edit_with(job)[..., :4], atol=1e-3)
