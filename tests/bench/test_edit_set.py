import json

import numpy as np
import pytest
from PIL import Image

from palitra.bench.edit_set import pie_mask, read_edit_set
from palitra.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for place in (tmp_path, tmp_path / "annotation_images" / "0_random"):
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), "red").save(place / "a.png")
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[:10] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def write(folder, content, name="set.csv"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_table(folder):
    path = write(
        folder, "image,source,target,type,mask\na.png,a dog,a cat,animal swap,mask.png\na.png,,a tree,x,\n"
    )
    first, second = read_edit_set(path)
    assert (first.id, first.source, first.target, first.type) == ("000000", "a dog", "a cat", "animal swap")
    assert np.asarray(first.mask())[:10].min() == 255
    assert np.asarray(first.mask())[10:].max() == 0
    assert second.mask() is None
    assert second.photo().size == (40, 30)


def test_the_form_of_lists(folder):
    path = write(folder, {"7": ["style", "a.png", "A photo", "Anime"]}, "set.json")
    (case,) = read_edit_set(path)
    assert (case.id, case.type, case.source, case.target) == ("7", "style", "A photo", "Anime")


def test_pie_bench(folder):
    entry = {
        "image_path": "0_random/a.png",
        "original_prompt": "a [red] car",
        "editing_prompt": "a [blue] car",
        "editing_type_id": "7",
        "mask": [512 * 100 + 10, 20, 512 * 101 + 10, 5],
    }
    (case,) = read_edit_set(write(folder, {"000": entry}, "mapping_file.json"))
    assert (case.source, case.target, case.type) == ("a red car", "a blue car", "change material")
    mask = np.asarray(case.mask())
    assert mask[100, 10:30].min() == 255
    assert mask[101, 10:15].min() == 255
    assert int((mask[1:-1, 1:-1] > 0).sum()) == 25


def test_the_border_counts_as_edited():
    mask = np.asarray(pie_mask(()))
    assert int((mask > 0).sum()) == 4 * 512 - 4


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("image,source\n", "set.csv", "column target"),
        ("image,source,target,type\n", "set.csv", "at least 1 edit"),
        ("image,source,target,type\nb.png,x,y,z\n", "set.csv", "must be a file"),
        ("image,source,target,type\na.png,x, ,z\n", "set.csv", "must not be empty"),
        ("id,image,source,target,type\n1,a.png,x,y,z\n1,a.png,x,y,z\n", "set.csv", "unique"),
        ("{", "set.json", "neither"),
        ([1], "set.json", "object"),
        ({"1": ["style", "a.png", "x"]}, "set.json", "entry of PIE-Bench"),
        ({"1": {"image_path": "a.png"}}, "set.json", "missing or wrong"),
    ],
)
def test_bad_sets_are_told_in_a_sentence(folder, content, name, words):
    with pytest.raises(InputError, match=words):
        read_edit_set(write(folder, content, name))


def test_no_file_is_told(tmp_path):
    with pytest.raises(InputError, match="must name"):
        read_edit_set(tmp_path / "no.csv")
