import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from palitra.errors import InputError, ModelNotFoundError
from palitra.zoo.reading import read as reading
from palitra.zoo.reading.hub_set import HubSet, fetch_hub_set
from palitra.zoo.reading.read import read_labelled
from palitra.zoo.reading.table import read_parquet


def picture(grey):
    kept = io.BytesIO()
    Image.fromarray(np.full((4, 4), grey, np.uint8)).save(kept, "PNG")
    return {"bytes": kept.getvalue(), "path": f"{grey}.png"}


def write_table(path, labels, column="img", names=("cat", "dog")):
    table = pa.table({column: [picture(40 * i) for i in range(len(labels))], "label": labels})
    features = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), path)


class Folder:
    """A hub whose sets lie in a folder."""

    def __init__(self, folder, error=None):
        self.folder, self.error = folder, error

    def files(self, name):
        if self.error:
            raise self.error
        return [str(p.relative_to(self.folder)) for p in self.folder.rglob("*.*")]

    def fetch(self, name, file):
        return self.folder / file


@pytest.mark.parametrize(
    ("text", "name", "split"),
    [
        ("hub:zalando/fashion_mnist", "zalando/fashion_mnist", "train"),
        ("hub:mnist", "mnist", "train"),
        ("hub:uoft-cs/cifar10:test", "uoft-cs/cifar10", "test"),
    ],
)
def test_names_and_splits_are_read(text, name, split):
    assert HubSet.parse(text) == HubSet(name, split)


@pytest.mark.parametrize("text", ["hub:", "hub:a/b/c", "hub:a b", "hub:a/b:", "hub:../b:x:y"])
def test_other_forms_are_refused(text):
    with pytest.raises(InputError, match="hub:OWNER/NAME"):
        HubSet.parse(text)


def test_the_files_of_one_split_of_the_first_configuration(tmp_path):
    for place in ("plain/train/0000.parquet", "plain/train/0001.parquet", "plain/test/0000.parquet"):
        write_table(tmp_path / place, [0, 1])
    write_table(tmp_path / "zebra/train/0000.parquet", [0, 1])
    (tmp_path / "README.md").write_text("x")
    found = fetch_hub_set(HubSet("a/b"), Folder(tmp_path))
    assert [str(p.relative_to(tmp_path)) for p in found] == [
        "plain/train/0000.parquet", "plain/train/0001.parquet",
    ]  # fmt: skip


def test_an_unknown_split_names_those_there_are(tmp_path):
    write_table(tmp_path / "default/test/0000.parquet", [0, 1])
    with pytest.raises(InputError, match=r"split of a/b \(test\), got train"):
        fetch_hub_set(HubSet("a/b"), Folder(tmp_path))


def test_without_network_the_way_out_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match="put its parquet files into a folder"):
        fetch_hub_set(HubSet("a/b"), Folder(tmp_path, ConnectionError("no route")))


def test_numbers_take_the_names_of_the_description(tmp_path):
    write_table(tmp_path / "t.parquet", [0, 1, 1, 0])
    assert read_parquet([tmp_path / "t.parquet"]).labels == ["cat", "dog", "dog", "cat"]


def test_a_hub_set_is_read_as_any_other(tmp_path, monkeypatch):
    from pathlib import Path

    write_table(tmp_path / "default/train/0000.parquet", [0, 1, 1, 0])
    monkeypatch.setattr(reading, "fetch_hub_set", lambda wanted: fetch_hub_set(wanted, Folder(tmp_path)))
    images = read_labelled(Path("hub:someone/pets"))
    assert images.names == ("cat", "dog")
    assert images.labels.tolist() == [0, 1, 1, 0]
    assert images.images.shape == (4, 1, 4, 4)
