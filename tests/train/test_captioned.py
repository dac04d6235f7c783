import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from palitra.errors import InputError
from palitra.train.captioned import CONCEPTS, phrasings, read_captioned, sampling_weights


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
