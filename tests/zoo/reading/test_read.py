import csv
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from palitra.errors import InputError
from palitra.zoo.labelled_images import hide_labels, histogram, match_labels, repeat_labelled
from palitra.zoo.reading.read import read_labelled
from tests.zoo.toy_images import toy_images


def png(value, size=(8, 8), mode="L"):
    buffer = io.BytesIO()
    colour = value if mode == "L" else (value, 0, 255 - value)
    Image.new(mode, size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for name, value in (("boat", 10), ("axe", 200)):
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i}.png").write_bytes(png(value + i))
    return tmp_path


def test_a_folder_per_class(folder):
    images = read_labelled(folder)
    assert images.names == ("axe", "boat")
    assert images.shape == (1, 8, 8)
    assert images.counts.tolist() == [3, 3]
    assert images.images[0].unique().tolist() == [200]


def test_csv_parquet_and_npz_give_the_same_set(folder, tmp_path_factory):
    expected = read_labelled(folder)
    other = tmp_path_factory.mktemp("forms")
    files = [(p, p.parent.name) for p in sorted(folder.glob("*/*.png"))]
    with (other / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("path", "label"), *files])
    rows = [{"image": {"bytes": p.read_bytes(), "path": p.name}, "label": name} for p, name in files]
    pq.write_table(pa.Table.from_pylist(rows), other / "t.parquet")
    arrays = expected.images[:, 0].numpy()
    np.savez(other / "t.npz", images=arrays, labels=expected.labels.numpy(), names=np.array(expected.names))
    for name in ("t.csv", "t.parquet", "t.npz"):
        found = read_labelled(other / name)
        assert torch.equal(found.images, expected.images), name
        assert torch.equal(found.labels, expected.labels), name
        assert found.names == expected.names


def test_the_histogram_names_counts_and_what_was_skipped(folder):
    for i in range(3, 210):
        (folder / "boat" / f"{i}.png").write_bytes(png(i))
    (folder / "boat" / "torn.png").write_bytes(png(3)[:30])
    text = histogram(read_labelled(folder))
    assert "axe        3 █" in text
    assert "213 pictures, 2 classes, 1 x 8 x 8" in text
    assert "1 skipped, unreadable: boat/torn.png" in text


def test_more_than_1_percent_unreadable_is_refused(folder):
    (folder / "axe" / "torn.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"at most 1% unreadable pictures, got 1 of 7: axe/torn.png"):
        read_labelled(folder)


def test_a_class_with_one_picture_is_refused(folder):
    (folder / "cup").mkdir()
    (folder / "cup" / "0.png").write_bytes(png(0))
    with pytest.raises(InputError, match="at least 2 pictures of every class, got 1 of cup"):
        read_labelled(folder)


def test_mixed_sizes_need_a_size_and_mixed_channels_become_colour(folder):
    (folder / "axe" / "wide.png").write_bytes(png(50, (16, 8), "RGB"))
    with pytest.raises(
        InputError, match="`size` must be given for pictures of mixed sizes, got 8 x 8 and 8 x 16"
    ):
        read_labelled(folder)
    images = read_labelled(folder, size=(12, 12))
    assert images.shape == (3, 12, 12)
    assert read_labelled(folder, size=(12, 12), channels=1).shape == (1, 12, 12)


def test_padding_repeats_the_border_and_refuses_larger_pictures(folder):
    images = read_labelled(folder, size=(12, 10), fit="pad")
    assert images.images[0].unique().tolist() == [200]
    with pytest.raises(InputError, match="`size` must be at least 8 x 8 to pad, got 4 x 4"):
        read_labelled(folder, size=(4, 4), fit="pad")


def test_labels_that_do_not_match(folder, tmp_path):
    images = read_labelled(folder)
    again = match_labels(images, ("zebra", "boat", "axe"))
    assert again.labels[0] == 2
    with pytest.raises(InputError, match="classes zebra, boat, got axe"):
        match_labels(images, ("zebra", "boat"))
    np.savez(tmp_path / "t.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.array([0, 1]))
    with pytest.raises(InputError, match="`labels` must be 3 whole numbers"):
        read_labelled(tmp_path / "t.npz")
    np.savez(
        tmp_path / "u.npz", images=np.zeros((2, 8, 8), np.uint8), labels=np.array([0, 7]), names=["a", "b"]
    )
    with pytest.raises(InputError, match=r"`labels` must be in \[0, 1\], got 7"):
        read_labelled(tmp_path / "u.npz")
    (tmp_path / "t.csv").write_text("path,label\nx.png,\n")
    with pytest.raises(InputError, match="`label` must be given in every row, got none in line 2"):
        read_labelled(tmp_path / "t.csv")
    (tmp_path / "u.csv").write_text("path,kind\nx.png,1\n")
    with pytest.raises(InputError, match="must have the columns path and label, got path, kind"):
        read_labelled(tmp_path / "u.csv")


@pytest.mark.parametrize("name", ["nothing", "words.txt"])
def test_what_is_no_set_is_refused(tmp_path, name):
    (tmp_path / "words.txt").write_text("words")
    with pytest.raises(InputError, match="`data` must"):
        read_labelled(tmp_path / name)


def test_hidden_labels_keep_so_many_of_each_class():
    labels = torch.arange(40) % 4
    hidden = hide_labels(labels, 3, 4, seed=0)
    assert torch.bincount(hidden[hidden >= 0]).tolist() == [3, 3, 3, 3]
    assert (hidden[hidden >= 0] == labels[hidden >= 0]).all()


def test_few_labelled_pictures_come_again_and_again():
    data = toy_images(700)
    hidden = replace(data, labels=hide_labels(data.labels, 5, 2, seed=1))
    mixed = repeat_labelled(hidden)
    assert torch.equal(mixed.images[:700], data.images)
    known = mixed.labels >= 0
    assert int(known[:700].sum()) == 10
    assert len(mixed) == 700 - 10 + 100
    # no label that was not among the ten, and none that is wrong
    rows = (hidden.labels >= 0).nonzero()[:, 0]
    allowed = {data.images[i].numpy().tobytes(): int(data.labels[i]) for i in rows}
    for picture, label in zip(mixed.images[known], mixed.labels[known], strict=True):
        assert allowed[picture.numpy().tobytes()] == int(label)


def test_enough_labels_or_none_change_nothing():
    data = toy_images(64)
    none = replace(data, labels=torch.full_like(data.labels, -1))
    for same in (data, none):
        assert repeat_labelled(same) is same
