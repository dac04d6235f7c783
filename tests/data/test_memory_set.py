"""A set in memory is the same set as the file it could have been read from."""

import numpy as np
import pytest
import torch

from palitra.data.image_sets import open_image_set
from palitra.data.memory_set import memory_set
from palitra.errors import InputError


def pictures(channels=1, count=6):
    return torch.randint(0, 256, (count, channels, 8, 8)).byte()


@pytest.mark.parametrize("channels", [1, 3])
def test_it_gives_what_the_file_gives(tmp_path, channels):
    pixels, labels = pictures(channels), torch.tensor([0, 1, 2, 0, 1, 2])
    np.savez(
        tmp_path / "a.npz",
        images=pixels.permute(0, 2, 3, 1).numpy(),
        labels=labels.numpy(),
        names=["a", "b", "c"],
    )
    mine = memory_set("fakes", pixels, labels, ("a", "b", "c"))
    read = open_image_set(tmp_path / "a.npz")
    assert len(mine) == len(read)
    assert mine.classes == read.classes
    for one, other in zip(mine.images(4), read.images(4), strict=True):
        assert torch.equal(one.pixels, other.pixels)
        assert one.label == other.label


def test_the_hash_follows_pixels_labels_and_shape():
    pixels = pictures()
    plain = memory_set("a", pixels).content_hash()
    assert plain == memory_set("b", pixels.clone()).content_hash()
    changed = pixels.clone()
    changed[3, 0, 2, 2] += 1
    others = [
        memory_set("a", changed).content_hash(),
        memory_set("a", pixels.view(6, 1, 4, 16)).content_hash(),
        memory_set("a", pixels, torch.zeros(6, dtype=torch.int64), ("x",)).content_hash(),
    ]
    assert len({plain, *others}) == 4


@pytest.mark.parametrize(
    ("pixels", "labels"),
    [
        (torch.zeros(2, 1, 8, 8), None),
        (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), None),
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), None),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 2])),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0])),
    ],
)
def test_what_is_no_such_set_is_refused(pixels, labels):
    with pytest.raises(InputError, match="`fakes` must"):
        memory_set("fakes", pixels, labels, ("a", "b"))
