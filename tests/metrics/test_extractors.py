"""Extractors: fixed features, layouts from tiny local folders, sentences for what is not here."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Dinov2Config, Dinov2Model

from palitra.errors import InputError, ModelNotFoundError, WeightsError
from palitra.metrics.extractors import Extracted, Extractor, load_extractor
from palitra.models.arcface import ArcFace
from palitra.models.inception import Inception


def images(size: int = 32, b: int = 3) -> torch.Tensor:
    return 255 * torch.rand(b, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_random_features_are_fixed_and_tell_images_apart():
    one, again = load_extractor("random"), load_extractor("random")
    assert one.weights == again.weights
    found = one(images()).features
    assert torch.equal(found, again(images()).features)
    assert found.shape == (3, 448)
    assert float((found[0] - found[1]).norm()) > 0.01
    # a batch is its images one by one
    assert torch.allclose(found[1:2], one(images()[1:2]).features, atol=1e-5)


def test_inception_from_a_local_file(tmp_path):
    network = Inception()
    tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(tensors, tmp_path / "w.safetensors")
    extractor = load_extractor("inception", tmp_path / "w.safetensors")
    found, expected = extractor(images(299, 1)), network(images(299, 1))
    assert (extractor.size, len(extractor.weights)) == (299, 64)
    assert torch.allclose(found.features, expected[0], atol=1e-5)
    assert torch.allclose(found.logits, expected[1], atol=1e-5)


@pytest.fixture
def vision():
    size = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    return {
        "dinov2": Dinov2Model(Dinov2Config(**size)),
        "clip": CLIPVisionModelWithProjection(
            CLIPVisionConfig(**size, intermediate_size=32, projection_dim=8)
        ),
    }


@pytest.mark.parametrize(("name", "width", "size"), [("dinov2", 16, 224), ("clip", 8, 28)])
def test_transformers_from_local_folders(name, width, size, vision, tmp_path):
    vision[name].save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}'
    )
    extractor = load_extractor(name, tmp_path)
    assert extractor.size == size
    assert extractor(images(size)).features.shape == (3, width)


def test_eye_reads_its_pooled_features_and_says_its_name(tmp_path):
    from palitra.metrics.result import Protocol, Result
    from palitra.models.clip_text import load_tokenizer
    from palitra.models.eye import Eye, load_eye, save_eye
    from palitra.models.eye_network import EyeNetwork, EyeShape
    from palitra.train.eye import TOKENIZER, build_text_tower
    from tests.train.tiny_eye import TINY

    shape = EyeShape(size=16, widths=(4, 6), embedding=5, text_width=8, breeds=("pug",))
    tokenizer = load_tokenizer(TOKENIZER)
    save_eye(tmp_path, Eye(EyeNetwork(shape), build_text_tower(TINY, tokenizer), tokenizer))
    extractor = load_extractor("eye", tmp_path)
    found = extractor(images(16))
    assert (extractor.name, extractor.size, len(extractor.weights)) == ("eye", 16, 64)
    assert torch.equal(found.features, load_eye(tmp_path).see(images(16)).features)
    assert (found.features.dtype, found.logits.shape) == (torch.float32, (3, 15))
    assert torch.isfinite(found.features).all()
    protocol = Protocol(extractor.name, extractor.weights, "clean", 3, 3, 0)
    assert str(Result("fid", 1.0, protocol)).startswith("fid@eye 1 |")


def test_further_extractors_come_first():
    def judge(weights, device):
        return Extractor("judge", 4, "0", lambda x: Extracted(x.mean((2, 3)), x.mean((2, 3))), device)

    found = load_extractor("judge", more={"judge": judge})(images(4))
    assert found.features.shape == found.logits.shape == (3, 3)


def test_broken_numbers_are_named():
    broken = Extractor("broken", 4, "0", lambda x: Extracted(x.mean((2, 3)) * torch.nan), torch.device("cpu"))
    with pytest.raises(
        InputError, match="`extractor` must give finite features, got NaN or infinity from broken"
    ):
        broken(images(4))


def test_published_face_network_from_a_local_file(tmp_path):
    torch.manual_seed(0)
    network = ArcFace((1, 1, 1, 1)).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    extractor = load_extractor("arcface", tmp_path / "w.safetensors")
    with torch.no_grad():
        expected = network(images(112))
    assert extractor.size == 112
    assert torch.allclose(extractor(images(112)).features, expected, atol=1e-5)


def test_what_is_not_here_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path))
    with pytest.raises(
        InputError, match=r"`extractor` must be one of inception, dinov2, clip, vgg16, .* got vgg"
    ):
        load_extractor("vgg")
    for name in ("inception", "dinov2", "clip", "vgg16", "facenet", "arcface"):
        with pytest.raises(
            ModelNotFoundError,
            match=f"`extractor` {name} is not on this machine: run `palitra models .* put .* at ",
        ):
            load_extractor(name)
    with pytest.raises(ModelNotFoundError, match="`extractor` eye must be a folder that `palitra train eye`"):
        load_extractor("eye", tmp_path)
    with pytest.raises(InputError, match="`weights` must be absent"):
        load_extractor("random", tmp_path)
    for file in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (tmp_path / file).write_text("{}")
    with pytest.raises(WeightsError, match="must be a model folder with safetensors"):
        load_extractor("dinov2", tmp_path)
