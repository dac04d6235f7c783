import torch

from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.keep_mask import keep_mask, picture_mask, touched
from palitra.recipes.editing.rows import edit_rows
from palitra.spec.edit import EditParams
from tests.recipes.editing.conftest import edit_rows_of


def test_a_bright_patch_is_touched_and_its_far_side_is_not():
    difference = torch.full((1, 1, 8, 8), 0.1)
    difference[..., 1:4, 1:4] = 1
    mask = touched(difference)
    assert bool(mask[..., 1:4, 1:4].all())
    assert not mask[..., 6:, 6:].any()


def test_where_nothing_stands_out_everything_may_change():
    assert bool((touched(torch.ones(2, 1, 8, 8)) == 1).all())
    assert bool((touched(torch.zeros(1, 1, 8, 8)) == 1).all())


def test_a_picture_mask_is_exactly_zero_outside():
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:5, 2:5] = 1
    made = picture_mask(mask, (64, 64))
    inside = torch.nn.functional.interpolate(mask, size=(64, 64), mode="nearest")
    assert float(made[inside == 0].max()) == 0
    assert float(made[..., 28, 28]) == 1
    assert bool((picture_mask(torch.ones(1, 1, 8, 8), (64, 64)) == 1).all())


def test_masks_are_each_rows_own(job_of, tiny_model):
    rows = edit_rows_of(tiny_model, 3)
    together = keep_mask(job_of("ddim", rows=rows))
    for i, row in enumerate(rows):
        assert torch.equal(together[i : i + 1], keep_mask(job_of("ddim", rows=[row])))


def test_what_is_not_touched_comes_back_bit_for_bit(tiny_model, monkeypatch):
    half = torch.zeros(1, 1, 8, 8)
    half[..., :4] = 1
    monkeypatch.setattr("palitra.recipes.editing.rows.keep_mask", lambda job: half)
    rows = edit_rows_of(tiny_model, 1)
    params = EditParams(target=rows[0].target, source=rows[0].source, method="ddim", steps=6, strength=1)
    kept, job = edit_rows(tiny_model, params.model_copy(update={"keep": True}), rows, InversionStore())
    free, _ = edit_rows(tiny_model, params, rows, InversionStore())
    outside = torch.nn.functional.interpolate(job.mask, size=kept.shape[2:], mode="nearest")[0, 0] == 0
    assert bool(outside.any())
    assert torch.equal(kept[0][:, outside], rows[0].picture[:, outside])
    assert not torch.equal(free[0][:, outside], rows[0].picture[:, outside])


def test_a_users_mask_binds_bit_for_bit_in_every_row(tiny_model):
    mask = torch.zeros(1, tiny_model.size, tiny_model.size)
    mask[:, :, 20:40] = 1
    rows = edit_rows_of(tiny_model, 2, masks=[mask, None])
    params = EditParams(target=rows[0].target, method="guide-and-rescale", steps=6)
    made, _ = edit_rows(tiny_model, params, rows, InversionStore())
    outside = (mask == 0)[0]
    assert torch.equal(made[0][:, outside], rows[0].picture[:, outside])
    assert not torch.equal(made[0], rows[0].picture)
    assert not torch.equal(made[1][:, outside], rows[1].picture[:, outside])
