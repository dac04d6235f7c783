"""Rare classes and test rows; every bad input has its sentence."""

import pytest
import torch

from palitra.balancing.read import read_balance
from palitra.balancing.settings import BalanceSettings
from palitra.balancing.task import make_task, rare_classes
from palitra.errors import InputError, ModelNotFoundError
from palitra.zoo.labelled_images import LabelledImages
from tests.balancing.blobs import NAMES, blobs, small_settings


def test_rare_are_those_below_the_mean_or_those_named():
    data = blobs((24, 10, 6))
    assert rare_classes(data, ()) == (1, 2)
    assert rare_classes(data, ["blue"]) == (2,)


def test_a_test_cut_off_shares_nothing_with_the_pool():
    task = make_task(blobs(), None, small_settings())
    pool, test = ({i.numpy().tobytes() for i in part.images} for part in (task.pool, task.test))
    assert not pool & test
    assert task.test.counts.tolist() == [6, 2, 2]
    assert len(task.pool) + len(task.test) == 40


def test_rows_that_occur_in_the_test_are_left_out_of_the_pool():
    data, test = blobs(), blobs((4, 4, 4), seed=3)
    both = LabelledImages(
        torch.cat([data.images, test.images[:5]]), torch.cat([data.labels, test.labels[:5]]), NAMES
    )
    task = make_task(both, test, small_settings())
    assert task.leaks == 5
    assert len(task.pool) == 40


def test_classes_of_the_test_may_come_in_another_order():
    test = blobs((4, 4, 4), seed=3)
    turned = LabelledImages(test.images, 2 - test.labels, NAMES[::-1])
    assert make_task(blobs(), turned, small_settings()).test.labels.equal(test.labels)


@pytest.mark.parametrize(
    ("data", "test", "changes", "sentence"),
    [
        ((24, 10, 1), None, {}, "at least 5 pictures of every class.*got 1 of blue"),
        ((24, 10, 2), (4, 4, 4), {}, "at least 4 pictures of every class.*got 2 of blue"),
        ((9, 9, 9), (4, 4, 4), {}, "`data` must have a class below the mean count, got 9 of every class"),
        ((24, 10, 6), (4, 4, 0), {}, "`test` must hold pictures of every class, got none of blue"),
        ((24, 10, 6), None, {"rare": ("violet",)}, "`label` must be one of red, green, blue, got violet"),
        ((24, 10, 6), (4, 4, 4), {"rare": ("red",)}, "`label` must be a class with fewer than 24.*got red"),
        ((24, 10, 6), None, {"target": 0}, r"`target` must be in \[0.01, 1\], got 0"),
        ((24, 10, 6), None, {"weight": 1.5}, r"`weight` must be in \[0, 1\], got 1.5"),
        ((24, 10, 6), None, {"seeds": 0}, r"`seeds` must be in \[1, 1000\], got 0"),
        ((24, 10, 6), None, {"strategies": ("magic",)}, "`strategies` must be among"),
    ],
)  # fmt: skip
def test_bad_input_is_named(data, test, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        make_task(blobs(data), None if test is None else blobs(test, seed=3), small_settings(**changes))


def test_other_sets_are_refused():
    data, test = blobs(), blobs((4, 4, 4), seed=3)
    other = LabelledImages(test.images, test.labels, ("red", "green", "violet"))
    with pytest.raises(InputError, match="`test` must have the classes red, green, blue, got violet"):
        make_task(data, other, small_settings())
    with pytest.raises(InputError, match="`test` must hold pictures of the shape"):
        make_task(data, LabelledImages(test.images[:, :1], test.labels, NAMES), small_settings())
    with pytest.raises(InputError, match="`data` must hold at least 2 classes, got 1"):
        make_task(LabelledImages(data.images, data.labels * 0, ("red",)), None, small_settings())
    with pytest.raises(InputError, match="`groups` must have one number for each of 40 pictures, got 2"):
        make_task(data, None, small_settings(), torch.zeros(2))
    with pytest.raises(ModelNotFoundError, match="`model` must be one of"):
        BalanceSettings(generator=type(small_settings().generator)("magic")).check()


def test_a_tail_and_groups_are_read(tmp_path):
    from PIL import Image

    lines = ["path,label,person"]
    for i, (image, label) in enumerate(zip(blobs((9, 9, 9)).images, blobs((9, 9, 9)).labels, strict=True)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{NAMES[label]},person {i // 2}")
    (tmp_path / "set.csv").write_text("\n".join(lines))
    read = read_balance(tmp_path / "set.csv", group="person", long_tail=3)
    assert sorted(read.data.counts.tolist()) == [3, 5, 9]
    assert len(read.groups) == 17
    assert read.groups.max() <= 13
    with pytest.raises(InputError, match="`group` must be a column of a CSV or parquet file"):
        read_balance(tmp_path, group="person")
