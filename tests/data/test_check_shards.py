"""Missing and broken shards are all named before anything is trained."""

import io

import numpy as np
import pytest
from PIL import Image

from palitra.data.check_shards import Shard, check_shards
from palitra.data.datasets import read_rows
from palitra.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def cell(form="PNG", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return {"bytes": buffer.getvalue(), "path": None}


def write(root, name, images, **columns):
    path = root / name / "train.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": images, "label": ["cat"] * len(images), **columns}), path)
    return path


def sets(root):
    write(root, "a", [cell("PNG"), cell("JPEG", 1)])
    write(root, "b", [cell("JPEG", 2)] * 3)
    return [Shard("a/train.parquet", ("image", "label")), Shard("b/train.parquet", ("image",))]


def test_whole_shards_give_their_rows(tmp_path):
    shards = sets(tmp_path)
    assert check_shards(tmp_path, shards) == {"a/train.parquet": 2, "b/train.parquet": 3}


def test_everything_that_is_wrong_is_named_at_once(tmp_path):
    shards = sets(tmp_path)
    cut = tmp_path / "b" / "train.parquet"
    cut.write_bytes(cut.read_bytes()[:-20])
    write(tmp_path, "empty", pa.array([], pa.struct([("bytes", pa.binary())])))
    half = cell("JPEG", 3)["bytes"][:-30]
    write(tmp_path, "half", [cell(), {"bytes": half, "path": None}])
    write(tmp_path, "text", [cell(), {"bytes": b"<html>", "path": None}, cell()])
    shards += [Shard(f"{n}/train.parquet", ("image",)) for n in ("none", "empty", "half", "text")]
    shards += [Shard("a/train.parquet", ("image", "breed"))]
    with pytest.raises(InputError) as caught:
        check_shards(tmp_path, shards)
    told = str(caught.value)
    assert told.startswith("`data` must hold a/train.parquet (without the column breed), b/train.parquet")
    for part in (
        "b/train.parquet (damaged: get it again)",
        "none/train.parquet (missing)",
        "empty/train.parquet (no rows)",
        "half/train.parquet (a broken picture in row 1)",
        "text/train.parquet (a broken picture in row 1)",
        f"got {tmp_path}",
    ):
        assert part in told
    assert "\n" not in told


def test_a_shard_damaged_inside_is_found(tmp_path):
    (shard, _) = sets(tmp_path)
    path = tmp_path / "a" / "train.parquet"
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a/train\.parquet \("):
        check_shards(tmp_path, [shard])


def test_reading_a_damaged_file_names_it(tmp_path):
    sets(tmp_path)
    path = tmp_path / "a" / "train.parquet"
    path.write_bytes(b"PAR1" + bytes(30))
    with pytest.raises(InputError, match=r"a/train\.parquet is damaged"):
        list(read_rows(path, ["image"]))
