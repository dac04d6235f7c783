"""A photo and a wish, end to end on a tiny random model."""

import numpy as np
import pytest
import torch
from PIL import Image

from palitra.core.progress import Hooks
from palitra.errors import Cancelled, ComposeError, ImageError, OutOfMemoryError
from palitra.models.text_to_image import load_folder
from palitra.recipes.edit import edit
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.editing.methods import METHODS
from palitra.spec.edit import EditParams


@pytest.fixture(scope="module")
def model(tiny_folders):
    return load_folder(tiny_folders[0])


def photo(width=128, height=96, mode="RGB"):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height)).convert(mode)


def asked(**values):
    return EditParams(**({"target": "a cat", "source": "a dog", "method": "ddim", "steps": 4} | values))


@pytest.mark.parametrize("size", [(128, 96), (40, 160), (64, 64), (17, 19)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_any_size_and_mode_comes_back_in_its_shape(model, size, mode):
    made = edit(model, photo(*size, mode), asked(strength=0)).pictures[0].image
    assert made.mode == "RGB"
    assert max(made.size) == model.size
    assert made.size[0] / made.size[1] == pytest.approx(size[0] / size[1], rel=0.05)


def test_wishes_times_pictures_in_order_with_their_names_and_seeds(model):
    heard = []
    run = edit(
        model, photo(), asked(target="a cat\na horse", n=2, seed=5, method="sdedit"), on_picture=heard.append
    )
    assert [(p.name, p.seed) for p in run.pictures] == [
        ("a cat", 5),
        ("a cat", 6),
        ("a horse", 5),
        ("a horse", 6),
    ]
    assert heard == run.pictures
    assert run.pictures[0].recipe["params"]["target"] == "a cat"


def test_without_source_words_the_guess_is_told(model):
    notes = []
    run = edit(model, photo(), asked(source=" "), on_notes=notes.extend)
    assert [n.code for n in notes] == ["source_guessed"]
    guess = run.pictures[0].recipe["params"]["source"]
    assert guess in run.notes[0]


def test_the_strength_of_an_automatic_edit_is_told_and_used(model):
    notes = []
    run = edit(model, photo(), asked(auto_strength=True), on_notes=notes.extend)
    strength = run.pictures[0].recipe["params"]["strength"]
    assert f"Strength {strength:g} gave the best trade-off of 5 tried" in run.notes[0]
    by_hand = edit(model, photo(), asked(strength=strength))
    pictures = [np.asarray(r.pictures[0].image, dtype=int) for r in (run, by_hand)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_a_second_wish_costs_no_inversion(model):
    store = InversionStore()
    first = edit(model, photo(), asked(), store=store)
    second = edit(model, photo(), asked(target="a horse"), store=store)
    assert first.network_samples - second.network_samples == 3


def test_a_mask_of_another_size_is_refused(model):
    with pytest.raises(ImageError, match="`mask` must have the photo's size 128 x 96, got 64 x 64"):
        edit(model, photo(), asked(), mask=Image.new("L", (64, 64)))


def test_a_cancelled_edit_leaves_nothing_half_written(model, tmp_path):
    steps = []

    def stop():
        steps.append(1)
        return len(steps) > 2

    with pytest.raises(Cancelled):
        edit(model, photo(), asked(), store=InversionStore(tmp_path), hooks=Hooks(cancelled=stop))
    assert list(tmp_path.iterdir()) == []


def test_short_memory_takes_fewer_edits_at_once(model, monkeypatch):
    sizes = []

    def fits(job):
        sizes.append(len(job.photos))
        if len(job.photos) > 2:
            raise OutOfMemoryError("full")
        return job.x0

    monkeypatch.setitem(METHODS, "ddim", fits)
    run = edit(model, photo(), asked(n=5))
    assert sizes == [5, 2, 2, 1]
    assert [p.seed for p in run.pictures] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("fails", "notes"), [(1, ["memory_saved"]), (2, ["layers_left_out"])])
def test_short_memory_of_one_edit_is_met_in_thriftier_ways(model, monkeypatch, fails, notes):
    def short(job):
        if job.thrift < fails:
            raise torch.OutOfMemoryError("full")
        return job.x0

    monkeypatch.setitem(METHODS, "guide-and-rescale", short)
    told = []
    edit(model, photo(), asked(method="guide-and-rescale"), on_notes=told.extend)
    assert [n.code for n in told] == notes


def test_memory_that_does_not_suffice_in_any_way_is_one_sentence(model, monkeypatch):
    def never(job):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setitem(METHODS, "guide-and-rescale", never)
    with pytest.raises(OutOfMemoryError, match="ran out of memory"):
        edit(model, photo(), asked(method="guide-and-rescale"))


@pytest.mark.parametrize("thrift", [1, 2])
def test_thriftier_ways_of_guidance_give_pictures(model, monkeypatch, thrift):
    real = METHODS["guide-and-rescale"]

    def short(job):
        if job.thrift < thrift:
            raise OutOfMemoryError("full")
        return real(job)

    plain = edit(model, photo(), asked(method="guide-and-rescale", prompt_scale=4)).pictures[0].image
    monkeypatch.setitem(METHODS, "guide-and-rescale", short)
    made = edit(model, photo(), asked(method="guide-and-rescale", prompt_scale=4)).pictures[0].image
    apart = np.abs(np.asarray(made, dtype=int) - np.asarray(plain, dtype=int)).max()
    # gradients piece by piece are the same gradients; fewer layers are another guidance
    assert apart <= 1 if thrift == 1 else apart > 0


def test_a_model_that_reads_more_than_a_latent_is_refused_by_name(model):
    class Wide:
        def __getattr__(self, name):
            return 4 if name == "extra_channels" else getattr(model, name)

    with pytest.raises(ComposeError, match="`model` must have no extra input channels for the method ddim"):
        edit(Wide(), photo(), asked())
