from dataclasses import replace

import numpy as np
import pytest

from palitra.errors import Cancelled, InputError
from palitra.recipes import class_conditional
from palitra.recipes.class_conditional import draw_classes, load_classes, repeat_picture
from palitra.recipes.picture import file_of
from palitra.spec.classes import ClassesParams
from palitra.zoo.drawing import draw_pictures
from palitra.zoo.families.family import Drawing
from tests.zoo.toy_images import toy_trainer


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cvae", "cdm", "ddpm", "sgan"):
        toy_trainer(name, folder / name).train(until=2)
    return {name: load_classes(folder / name, "cpu") for name in ("cvae", "cdm", "ddpm", "sgan")}


def wish(model="cvae", **more):
    return ClassesParams(**{"model": model, "n": 3, **more})


def pixels(picture):
    return np.asarray(picture.image)


def test_a_sheet_first_then_every_class_in_turn(models):
    run = draw_classes(models["cvae"], wish(seed=7))
    sheet, *parts = run.pictures
    assert sheet.kind == "sheet"
    assert [(p.kind, p.name, p.seed) for p in parts] == [
        ("part", name, seed) for name, seed in zip(["dark"] * 3 + ["light"] * 3, range(7, 13), strict=True)
    ]
    assert {p.image.size for p in parts} == {(16, 16)}
    assert {p.image.mode for p in parts} == {"L"}
    assert sheet.image.width > 3 * 96


def test_pictures_are_those_of_the_zoo(models):
    """Independent path: `palitra zoo sample` draws the same latents."""
    import torch

    run = draw_classes(models["cdm"], wish("cdm", seed=5, steps=3, guidance=1.0))
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    (other,) = draw_pictures(models["cdm"].family, labels, 6, 5, Drawing(steps=3, guidance=1.0))
    for part, drawn in zip(run.pictures[1:], other, strict=True):
        assert np.array_equal(pixels(part), ((drawn[0] + 1) * 127.5).round().byte().numpy())


def test_a_model_s_own_weight_of_the_class_is_taken_told_and_repeated(models):
    own = replace(models["cdm"], about=replace(models["cdm"].about, guidance=1.5))
    asked = draw_classes(models["cdm"], wish("cdm", steps=3, guidance=1.5))
    left = draw_classes(own, wish("cdm", steps=3))
    for one, other in zip(asked.pictures, left.pictures, strict=True):
        assert np.array_equal(pixels(one), pixels(other))
    part = left.pictures[1]
    assert part.recipe["params"]["guidance"] == 1.5
    again = repeat_picture(own, part.recipe, wish("cdm", steps=3))
    assert np.array_equal(pixels(again), pixels(part))


@pytest.mark.parametrize("model", ["cvae", "cdm", "sgan"])
def test_one_class_is_a_part_of_all_where_seeds_agree(models, model):
    both = draw_classes(models[model], wish(model, seed=4)).pictures[1:]
    light = draw_classes(models[model], wish(model, seed=7, label="light")).pictures[1:]
    assert [p.seed for p in light] == [p.seed for p in both[3:]]
    for one, other in zip(light, both[3:], strict=True):
        # batch mates may change the last bit of a float, hardly ever a pixel by one
        assert np.abs(pixels(one).astype(int) - pixels(other)).max() <= 1


def test_a_model_without_classes_draws_of_everything(models):
    run = draw_classes(models["ddpm"], wish("ddpm", steps=2))
    assert [p.name for p in run.pictures] == [""] * 4
    with pytest.raises(InputError, match="`label` must be one of all, got dark"):
        draw_classes(models["ddpm"], wish("ddpm", label="dark"))


def test_steps_of_all_chunks_are_one_count(models, monkeypatch):
    monkeypatch.setattr(class_conditional, "CHUNK", 4)
    heard, shown = [], []
    params = wish("cdm", steps=3)
    run = draw_classes(models["cdm"], params, lambda done, total, x0: heard.append((done, total, len(x0))))
    assert [done for done, _, _ in heard] == [4, 8, 12, 14, 16, 18]
    assert {total for _, total, _ in heard} == {18}
    assert [count for _, _, count in heard] == [4, 4, 4, 2, 2, 2]
    assert (run.network_calls, run.network_samples) == (6, 18)
    draw_classes(models["cvae"], wish(), lambda done, total, x0: shown.append((done, total)))
    assert shown == [(4, 6), (6, 6)]


def test_cancelled_within_one_step_and_what_is_done_is_told(models, monkeypatch):
    monkeypatch.setattr(class_conditional, "CHUNK", 4)
    steps, told = [], []
    with pytest.raises(Cancelled):
        draw_classes(
            models["cdm"],
            wish("cdm", steps=3),
            lambda *step: steps.append(step),
            told.append,
            lambda: len(steps) >= 4,
        )
    assert len(steps) == 4
    assert [p.kind for p in told] == ["part"] * 4


@pytest.mark.parametrize("model", ["cvae", "cdm"])
def test_a_picture_is_repeated_from_its_recipe_bit_for_bit(models, model, monkeypatch):
    monkeypatch.setattr(class_conditional, "CHUNK", 4)
    run = draw_classes(models[model], wish(model, seed=3))
    for picture in (run.pictures[0], run.pictures[2], run.pictures[6]):
        params = ClassesParams(**picture.recipe["params"])
        again = repeat_picture(models[model], picture.recipe, params)
        assert np.array_equal(pixels(again), pixels(picture))
    with pytest.raises(InputError, match="made with other weights"):
        repeat_picture(models[model], {**picture.recipe, "fingerprint": "0"}, params)
    with pytest.raises(InputError, match="a seed of its own wish, got 99"):
        repeat_picture(models[model], {**picture.recipe, "seed": 99}, params)


def test_files_are_a_labelled_set_again(models, tmp_path):
    from palitra.zoo.reading.read import read_labelled

    run = draw_classes(models["cvae"], wish(n=2))
    paths = run.save(tmp_path)
    assert paths[0] == tmp_path / "sheet.png"
    paths[0].unlink()
    again = read_labelled(tmp_path)
    assert (again.names, again.counts.tolist()) == (("dark", "light"), [2, 2])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("T-shirt/top", "T-shirt_top/000005.png"),
        ("../..", "_/000005.png"),
        ("", "pictures/000005.png"),
        ("..", "pictures/000005.png"),
        ("кот", "кот/000005.png"),
    ],
)
def test_a_class_name_never_leaves_its_folder(name, file):
    assert file_of("part", name, 5) == file


def test_no_room_for_seeds(models):
    with pytest.raises(InputError, match="`seed` must leave room for 6 pictures"):
        draw_classes(models["cvae"], wish(seed=2**63 - 2))
