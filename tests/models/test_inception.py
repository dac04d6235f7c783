"""The Inception layout: names, sizes, loading, its two peculiarities."""

import pytest
import torch
from safetensors.torch import save_file

from palitra.errors import WeightsError
from palitra.models.inception import Inception, Mixed, Unit, load_inception


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Inception()


def test_published_size_and_names(network):
    # counted in the port's network
    assert sum(p.numel() for p in network.parameters()) == 23_850_960
    names = network.state_dict()
    assert tuple(names["Mixed_7b.branch3x3dbl_3a.conv.weight"].shape) == (384, 384, 1, 3)
    assert tuple(names["Mixed_6c.branch7x7dbl_4.conv.weight"].shape) == (160, 160, 7, 1)
    assert tuple(names["fc.weight"].shape) == (1008, 2048)
    assert network.Conv2d_1a_3x3.bn.eps == 0.001


def test_features_and_logits_without_bias(network):
    images = torch.randint(256, (1, 3, 299, 299)).float()
    features, logits = network(images)
    assert (features.shape, logits.shape) == ((1, 2048), (1, 1008))
    assert torch.allclose(logits, features @ network.fc.weight.T)
    assert not features.requires_grad


def test_average_pools_leave_padding_out():
    block = Mixed(1, [["avg", Unit("branch_pool", 1)]]).eval()
    torch.nn.init.ones_(block.branch_pool.conv.weight)
    assert torch.allclose(block(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 5, 5), atol=1e-3)


def test_the_file_comes_back(network, tmp_path):
    tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(tensors, tmp_path / "inception.safetensors")
    loaded = load_inception(tmp_path / "inception.safetensors")
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in tensors.items())
    del tensors["fc.bias"]
    save_file(tensors, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=r"must hold `fc\.bias`"):
        load_inception(tmp_path / "less.safetensors")


def test_folded_batch_norms_change_nothing():
    torch.manual_seed(1)
    network = Inception()
    for name, value in network.state_dict().items():
        if name.endswith(("running_mean", "bn.bias")):
            value.normal_(0, 0.1)
        if name.endswith(("running_var", "bn.weight")):
            value.uniform_(0.5, 1.5)
    images = torch.randint(256, (1, 3, 299, 299)).float()
    expected = network(images)
    found = network.fold()(images)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).abs().max()) < 1e-5 * float(other.abs().max())
