import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from palitra.errors import InputError
from palitra.train.captioned import (
    CONCEPTS,
    CaptionedSet,
    phrasings,
    read_captioned,
    read_small,
    sampling_weights,
)


def test_phrasings_of_a_photo():
    assert phrasings("a photo of a beagle dog", "dog") == (
        "a photo of a beagle dog",
        "a photo of a dog",
        "photo of a beagle dog",
        "beagle dog",
        "a beagle dog",
    )


def test_phrasings_of_a_painting_and_of_an_elephant():
    assert phrasings("a painting of an elephant", "elephant") == (
        "a painting of an elephant",
        "a painting of an elephant",
        "painting of an elephant",
        "elephant painting",
        "an elephant, painting",
    )


@pytest.mark.parametrize(("power", "shares"), [(1.0, (0.75, 0.25)), (0.0, (0.5, 0.5)), (0.5, None)])
def test_weights_make_shares_grow_with_a_power_of_the_count(power, shares):
    concepts = torch.tensor([0] * 30 + [1] * 10)
    weights = sampling_weights(concepts, power)
    got = [float(weights[concepts == c].sum() / weights.sum()) for c in (0, 1)]
    expected = shares or (30**0.5 / (30**0.5 + 10**0.5), 10**0.5 / (30**0.5 + 10**0.5))
    assert got == pytest.approx(expected)


def cell(colour, size=(30, 20)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def write(folder, name, **columns):
    (folder / name).mkdir()
    pq.write_table(pa.table(columns), folder / name / "train.parquet")


def test_reading_takes_photos_and_paintings_of_three_sets(tmp_path):
    write(tmp_path, "faces-video", image=[cell("red")], caption=["a photo of a person"])
    write(tmp_path, "pets", image=[cell("green")], caption=["a photo of a pug dog"], label=["dog"])
    write(
        tmp_path,
        "pacs",
        image=[cell("blue"), cell("white"), cell("black")],
        caption=["a photo of a horse", "a sketch of a horse", "a painting of a guitar"],
        label=["horse", "horse", "guitar"],
        domain=["photo", "sketch", "painting"],
    )
    read = read_captioned(tmp_path, "train", 8)
    assert read.images.shape == (4, 3, 8, 8)
    assert read.images[:, :, 0, 0].tolist() == [[255, 0, 0], [0, 128, 0], [0, 0, 255], [0, 0, 0]]
    assert [CONCEPTS[c] for c in read.concepts.tolist()] == ["person", "dog", "horse", "guitar"]
    assert read.captions[3] == "a painting of a guitar"


def test_a_missing_set_is_named(tmp_path):
    with pytest.raises(InputError, match=r"`data` must hold faces-video/train\.parquet.*PALITRA_DATA"):
        read_captioned(tmp_path, "train", 8)


@pytest.mark.parametrize(
    ("detail", "photo", "painting"),
    [
        ("class", "a photo of a dog", "a photo of a dog"),
        ("domain", "a photo of a dog", "a painting of a dog"),
        ("breed", "a photo of a beagle dog", "a painting of an old dog"),
    ],
)
def test_captions_tell_as_much_as_they_are_asked_to(detail, photo, painting):
    assert phrasings("a photo of a beagle dog", "dog", detail)[0] == photo
    assert phrasings("a painting of an old dog", "dog", detail)[0] == painting
    for way in phrasings("a photo of a beagle dog", "dog", "class"):
        assert "beagle" not in way


def test_enlarged_pictures_say_so_in_every_phrasing():
    plain = phrasings("a photo of a cat", "cat")
    assert phrasings("a photo of a cat", "cat", enlarged=True) == tuple(f"{w}, low resolution" for w in plain)


def test_small_pictures_take_their_share_of_their_concept_alone():
    concepts = torch.tensor([0] * 30 + [1] * 10 + [1] * 50)
    small = torch.tensor([False] * 40 + [True] * 50)
    for power in (0.0, 0.1, 1.0):
        weights = sampling_weights(concepts, power, small, 0.3)
        plain = sampling_weights(concepts[:40], power)
        for concept in (0, 1):
            # joining leaves the shares of the concepts as they were
            before = plain[concepts[:40] == concept].sum() / plain.sum()
            after = weights[concepts == concept].sum() / weights.sum()
            assert float(after) == pytest.approx(float(before))
        assert float(weights[small].sum() / weights[concepts == 1].sum()) == pytest.approx(0.3)
        assert len(weights[small].unique()) == 1


def test_cats_dogs_and_horses_of_cifar_are_read_and_joined(tmp_path):
    write(
        tmp_path,
        "cifar10",
        image=[cell("red", (32, 32)), cell("green", (32, 32)), cell("blue", (32, 32))],
        caption=["a photo of a horse", "a photo of a ship", "a photo of a cat"],
        label=["horse", "ship", "cat"],
    )
    read = read_small(tmp_path, "train", 8)
    assert read.captions == ("a photo of a horse", "a photo of a cat")
    assert read.small.tolist() == [True, True]
    whole = CaptionedSet(read.images[:1], ("a photo of a dog",), torch.tensor([2])).joined(read)
    assert whole.small.tolist() == [False, True, True]
    assert whole.captions[0] == "a photo of a dog"
    assert [CONCEPTS[c] for c in whole.concepts.tolist()] == ["dog", "horse", "cat"]
