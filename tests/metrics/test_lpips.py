"""LPIPS: the definition written out, published names, declared range, bad input."""

import pytest
import torch
from safetensors.torch import save_file

from palitra.errors import ImageError, InputError, WeightsError
from palitra.metrics.lpips import SCALE, SHIFT, Lpips, LpipsMean, load_lpips


def images(seed: int, size: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def weight_file(tmp_path_factory):
    torch.manual_seed(5)
    network = Lpips("alex")
    tensors = {f"features.{k}": v for k, v in network.trunk.features.state_dict().items()}
    tensors |= {f"lin{i}.model.1.weight": torch.rand_like(w) for i, w in enumerate(network.weights)}
    path = tmp_path_factory.mktemp("lpips") / "alex.safetensors"
    save_file(tensors | {"classifier.1.weight": torch.zeros(1)}, path)
    return path, tensors


def test_equals_the_definition(weight_file):
    path, tensors = weight_file
    network = load_lpips(path, "alex")
    x, y = images(0), images(1)
    kinds = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
    expected = torch.zeros(2)
    sides = [
        (v * 2 - 1 - torch.tensor(SHIFT).view(3, 1, 1)) / torch.tensor(SCALE).view(3, 1, 1) for v in (x, y)
    ]
    for layer, (number, (stride, padding)) in enumerate(kinds.items()):
        if number in (3, 6):
            sides = [torch.nn.functional.max_pool2d(v, 3, 2) for v in sides]
        weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
        sides = [torch.conv2d(v, weight, bias, stride, padding).relu() for v in sides]
        unit = [v / (v.square().sum(1, keepdim=True).sqrt() + 1e-10) for v in sides]
        expected += ((unit[0] - unit[1]) ** 2 * tensors[f"lin{layer}.model.1.weight"]).sum(1).mean((1, 2))
    assert torch.allclose(network(x, y, low=0, high=1), expected, rtol=1e-4)


def test_equal_images_are_no_distance_apart_and_the_range_is_declared(weight_file):
    network = load_lpips(weight_file[0])
    x, y = images(0), images(1)
    assert torch.equal(network(x, x, low=0, high=1), torch.zeros(2))
    assert torch.allclose(
        network(x * 2 - 1, y * 2 - 1, low=-1, high=1), network(x, y, low=0, high=1), rtol=1e-4
    )


def test_gradients_are_finite_for_equal_images():
    network = Lpips("vgg")
    x = images(0, 16).requires_grad_()
    network(x, x.detach(), low=0, high=1).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_published_sizes():
    sizes = {net: sum(p.numel() for p in Lpips(net).trunk.parameters()) for net in ("alex", "vgg")}
    assert sizes == {"alex": 2_469_696, "vgg": 14_714_688}


def test_accumulator(weight_file):
    network = load_lpips(weight_file[0])
    x, y = images(0), images(1)
    one, other = LpipsMean(network=network), LpipsMean(network=network)
    one.update(x[:1], y[:1])
    other.update(x[1:], y[1:])
    one.merge(other)
    assert one.compute() == pytest.approx(float(network(x, y, low=0, high=1).mean()), rel=1e-5)


def test_bad_input_is_named(weight_file, tmp_path):
    network = load_lpips(weight_file[0])
    with pytest.raises(ImageError, match="at least 64 pixels for LPIPS with alex"):
        network(images(0, 32), images(0, 32), low=0, high=1)
    with pytest.raises(InputError, match="`data_range` must be above 0"):
        network(images(0), images(0), low=1, high=1)
    with pytest.raises(InputError, match="`net` must be one of alex, vgg, got squeeze"):
        Lpips("squeeze")
    with pytest.raises(InputError, match="`network` must be a loaded LPIPS"):
        LpipsMean().update(images(0), images(0))
    save_file({"features.0.weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"must hold `lin0\.model\.1\.weight`|must hold `features"):
        load_lpips(tmp_path / "w.safetensors")
