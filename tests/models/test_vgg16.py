"""VGG16's features: sizes, both published layouts, an independent reference."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from palitra.errors import WeightsError
from palitra.models.vgg16 import DEVIATION, MEAN, Vgg16, load_vgg16

WIDTH = 6


@pytest.fixture(scope="module")
def tensors():
    torch.manual_seed(0)
    return {**Vgg16(WIDTH).state_dict(), "classifier.6.weight": torch.zeros(1000, WIDTH)}


def test_published_size():
    with torch.device("meta"):
        network = Vgg16()
    # 138,357,544 with the classes
    assert sum(p.numel() for p in network.parameters()) + 4096 * 1000 + 1000 == 138_357_544
    names = network.state_dict()
    assert tuple(names["features.28.weight"].shape) == (512, 512, 3, 3)
    assert tuple(names["classifier.0.weight"].shape) == (4096, 25088)


def test_both_layouts_give_the_same_features(tensors, tmp_path):
    save_file(tensors, tmp_path / "torch.safetensors")
    other = {k: v for k, v in tensors.items() if k.startswith("features.")}
    other["pre_logits.fc1.weight"] = tensors["classifier.0.weight"].view(WIDTH, 512, 7, 7)
    other["pre_logits.fc2.weight"] = tensors["classifier.3.weight"].view(WIDTH, WIDTH, 1, 1)
    for kind, name in (("fc1", "0"), ("fc2", "3")):
        other[f"pre_logits.{kind}.bias"] = tensors[f"classifier.{name}.bias"]
    other["head.fc.weight"] = torch.zeros(1000, WIDTH)
    save_file(other, tmp_path / "timm.safetensors")
    images = torch.randint(256, (1, 3, 224, 224), generator=torch.Generator().manual_seed(0)).float()
    found = load_vgg16(tmp_path / "torch.safetensors")(images)
    assert torch.equal(found, load_vgg16(tmp_path / "timm.safetensors")(images))
    x = (images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    at = 0
    for depth in (2, 2, 3, 3, 3):
        for _ in range(depth):
            x = F.relu(
                F.conv2d(x, tensors[f"features.{at}.weight"], tensors[f"features.{at}.bias"], padding=1)
            )
            at += 2
        x = F.max_pool2d(x, 2)
        at += 1
    x = x.flatten(1)
    for name in ("0", "3"):
        x = F.relu(F.linear(x, tensors[f"classifier.{name}.weight"], tensors[f"classifier.{name}.bias"]))
    assert torch.allclose(found, x, rtol=1e-4, atol=1e-6)


def test_another_layout_is_named(tensors, tmp_path):
    held = {k: v for k, v in tensors.items() if k != "classifier.3.bias"}
    save_file(held, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"must hold `classifier\.3\.bias`"):
        load_vgg16(tmp_path / "w.safetensors")
