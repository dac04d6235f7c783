"""FaceNet and ArcFace: published names and sizes, loading, unit embeddings, other layouts refused."""

import pytest
import torch
from safetensors.torch import save_file

from palitra.errors import WeightsError
from palitra.models.arcface import ArcFace, load_arcface
from palitra.models.facenet import FaceNet, load_facenet


def shapes(network):
    return {k: tuple(v.shape) for k, v in network.state_dict().items()}


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_published_names_and_sizes():
    with torch.device("meta"):
        face, fifty, hundred = FaceNet(), ArcFace(), ArcFace((3, 13, 30, 3))
    names = shapes(face)
    assert names["repeat_1.4.branch2.2.conv.weight"] == (32, 32, 3, 3)
    assert names["repeat_2.9.branch1.1.conv.weight"] == (128, 128, 1, 7)
    assert names["mixed_7a.branch2.2.conv.weight"] == (256, 256, 3, 3)
    assert names["block8.conv2d.weight"] == (1792, 384, 1, 1)
    assert names["last_linear.weight"] == (512, 1792)
    names = shapes(fifty)
    assert names["layer3.13.prelu.weight"] == (256,)
    assert names["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert names["fc.weight"] == (512, 25088)
    # counted in the ports' networks, without their classifiers
    assert [parameters(n) for n in (face, fifty, hundred)] == [23_482_624, 43_590_848, 65_156_160]


@pytest.mark.parametrize(
    ("make", "load", "side"),
    [(FaceNet, load_facenet, 160), (lambda: ArcFace((1, 2, 1, 1)), load_arcface, 112)],
)
def test_the_file_comes_back(make, load, side, tmp_path):
    torch.manual_seed(0)
    network = make().eval()
    tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    extra = {"logits.weight": torch.zeros(2, 512)} if side == 160 else {}
    save_file({k: v.contiguous() for k, v in (tensors | extra).items()}, tmp_path / "w.safetensors")
    loaded = load(tmp_path / "w.safetensors")
    faces = 255 * torch.rand(2, 3, side, side)
    with torch.no_grad():
        expected = network(faces)
    found = loaded(faces)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(2), atol=1e-5)
    assert not found.requires_grad


def test_another_layout_is_named(tmp_path):
    save_file({"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="must hold `bn1"):
        load_arcface(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="must hold `conv2d_1a"):
        load_facenet(tmp_path / "w.safetensors")
