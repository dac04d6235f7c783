"""eye on disk and its words: round trip, bad files, phrases, the embedded weights."""

import json

import pytest
import torch

from palitra.errors import InputError, ModelNotFoundError, WeightsError
from palitra.models.clip_text import load_tokenizer
from palitra.models.eye import FOLDER, Eye, load_eye, save_eye
from palitra.models.eye_network import EyeNetwork, EyeShape
from palitra.train.eye import TOKENIZER, build_text_tower
from tests.train.tiny_eye import TINY


def images(b=2, size=12):
    return 255 * torch.rand(b, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def eye():
    torch.manual_seed(0)
    shape = EyeShape(size=12, widths=TINY.widths, embedding=6, text_width=8, breeds=("pug",))
    tokenizer = load_tokenizer(TOKENIZER)
    text = build_text_tower(TINY, tokenizer)
    made = Eye(EyeNetwork(shape), text, tokenizer)
    # bf16 on both sides of the round trip
    for network in (made.network, made.text):
        for p in network.parameters():
            p.data = p.data.bfloat16().float()
        network.eval().requires_grad_(False)
    return made


@pytest.fixture
def folder(eye, tmp_path):
    save_eye(tmp_path / "eye", eye)
    return tmp_path / "eye"


def test_saving_and_loading_gives_the_same(eye, folder):
    again = load_eye(folder)
    assert again.shape == eye.shape
    assert again.network.caption_scale.dtype == torch.float32
    assert torch.equal(again.see(images()).features, eye.see(images()).features)
    assert torch.equal(again.read(["a cat"]), eye.read(["a cat"]))
    assert sorted(p.name for p in folder.iterdir()) == [
        *("config.json", "model.safetensors", "text_encoder", "tokenizer")
    ]


def test_pictures_of_any_size_are_fitted(eye):
    assert eye.see(images(size=31)).features.shape == (2, 8)


def test_a_text_reads_the_same_beside_longer_ones(eye):
    alone = eye.read(["a cat"])
    beside = eye.read(["a photo of a very long american shorthair cat", "a cat"])[1:]
    assert torch.allclose(alone, beside, atol=1e-5)
    assert torch.allclose(alone.norm(), torch.tensor(1.0), atol=1e-5)


def test_suggestions_are_probabilities_over_the_phrases(eye):
    phrases = ["cat", "frog", "a sketch of a horse"]
    found = eye.suggest(images(), phrases)
    assert found.shape == (2, 3)
    assert torch.allclose(found.sum(1), torch.ones(2))
    cosines = eye.see(images()).caption @ eye.read(phrases).T
    scale = eye.network.caption_scale.exp()
    assert torch.allclose(found.log(), (scale * cosines).log_softmax(1), atol=1e-4)
    with pytest.raises(InputError, match="`texts` must hold at least one text, got none"):
        eye.suggest(images(), [])


def test_bad_folders_are_named(eye, folder, tmp_path):
    with pytest.raises(WeightsError, match=r"must hold config\.json"):
        load_eye(tmp_path / "nowhere")
    config = json.loads((folder / "config.json").read_text())
    for change in ({"depth": 3}, {"text_width": 9}, {"widths": [4, 9]}):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(WeightsError):
            load_eye(folder)
    (folder / "config.json").write_text(json.dumps(config))
    whole = (folder / "model.safetensors").read_bytes()
    for damaged in (whole[:-50], b"\x80\x04" + whole, b""):
        (folder / "model.safetensors").write_bytes(damaged)
        with pytest.raises(WeightsError):
            load_eye(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises((WeightsError, ModelNotFoundError), match=r"model\.safetensors"):
        load_eye(folder)


@pytest.fixture(scope="module")
def embedded():
    if not (FOLDER / "config.json").is_file():
        pytest.skip("the embedded eye is not in this working copy")
    return load_eye()


def test_the_embedded_eye_is_small_and_whole(embedded):
    files = [p for p in FOLDER.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 16_000_000
    assert (FOLDER / "README.md").is_file()
    assert embedded.shape.size == 64
    assert embedded.see(images(size=48)).features.shape == (2, 512)
    stages = embedded.network.activations(images(size=64))
    assert [s.shape[1] for s in stages] == [32, 64, 128, 256, 512]
