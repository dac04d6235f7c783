"""CLIP score of sets with captions: tables, a tiny CLIP of the published layout, missing captions."""

import shutil

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from palitra.data.image_sets import open_image_set
from palitra.data.memory_set import memory_set
from palitra.errors import InputError
from palitra.metrics.caption_scores import CaptionNetwork, load_caption_network, read_captions, score_captions
from palitra.metrics.scores import ScoreSettings
from palitra.models.zoo import EMBEDDED

SETTINGS = ScoreSettings(resamples=20)


def pixels(n=5, size=12):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, size, size), dtype=np.uint8))


def colours():
    """Sees the mean colour; reads red, green and blue as its axes."""
    names = ("red", "green", "blue")

    def read(texts):
        return torch.stack([torch.eye(3)[names.index(t)] for t in texts])

    return CaptionNetwork("colours", "0", 4, lambda x: x.mean((2, 3)), read)


def test_right_and_wrong_captions():
    flat = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    for i in range(3):
        flat[i, i] = 200
    images = memory_set("flat", flat)
    right = {"image 0": "red", "image 1": "green", "image 2": "blue"}
    assert score_captions(images, right, colours(), SETTINGS, batch=2).value == pytest.approx(100)
    wrong = {"image 0": "green", "image 1": "green", "image 2": "green"}
    assert score_captions(images, wrong, colours(), SETTINGS).value == pytest.approx(100 / 3)
    with pytest.raises(InputError, match="one for each picture, got none for image 1"):
        score_captions(images, {"image 0": "red"}, colours(), SETTINGS)


def test_tables(tmp_path):
    np.savez(tmp_path / "set.npz", images=pixels().permute(0, 2, 3, 1).numpy())
    images = open_image_set(tmp_path / "set.npz")
    table = tmp_path / "captions.csv"
    table.write_text('file,caption\nimage 0,a dog\n"image 1","a cat, asleep"\n', encoding="utf-8")
    assert read_captions(images, table) == {"image 0": "a dog", "image 1": "a cat, asleep"}
    table.write_text("name,caption\n", encoding="utf-8")
    with pytest.raises(InputError, match="must have the columns file and caption, got name, caption"):
        read_captions(images, table)
    with pytest.raises(InputError, match=r"`captions` must name a table for set\.npz"):
        read_captions(images)
    with pytest.raises(InputError, match="`captions` must be a csv or parquet file"):
        read_captions(images, tmp_path / "none.csv")


def test_parquet_sets_bring_their_own(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"image": [{"bytes": b"x", "path": ""}], "caption": ["a dog"]}), tmp_path / "s.parquet"
    )
    assert read_captions(open_image_set(tmp_path / "s.parquet")) == {"row 0": "a dog"}


def test_clip_of_the_published_layout(tmp_path):
    shutil.copytree(EMBEDDED / "mini" / "tokenizer", tmp_path, dirs_exist_ok=True)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**sizes, "vocab_size": 49408, "eos_token_id": 2},
        vision_config={**sizes, "image_size": 28, "patch_size": 14},
        projection_dim=8,
    )
    torch.manual_seed(0)
    model = CLIPModel(config).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}'
    )
    network = load_caption_network("clip", tmp_path)
    images = memory_set("x", pixels(2, 28))
    score = score_captions(images, {"image 0": "a dog", "image 1": "a cat"}, network, SETTINGS)
    assert 0 <= score.value <= 100
    assert network.read(["a dog", "a"]).shape == (2, 8)
    with pytest.raises(InputError, match="must be clip, clip-b32 or eye for captions, got inception"):
        load_caption_network("inception")
