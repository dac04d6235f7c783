"""PiDiNet: pixel differences by brute force, folding, an independent forward pass, bad input."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from palitra.errors import ImageError, InputError
from palitra.models.pidinet import (
    PiDiNet,
    PiDiNetConfig,
    PixelDifferenceConv,
    difference_kernel,
    radial_difference,
)

# neighbours clockwise from the top left, as (row, column) steps from the centre
AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]


def small(head_width: int = 4) -> PiDiNet:
    torch.manual_seed(0)
    network = PiDiNet(PiDiNetConfig(6, head_width)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return network


def pixel_differences(x: torch.Tensor, w: torch.Tensor, kind: str) -> float:
    """One channel, one place (the centre of a 5x5 patch), straight from the definitions."""

    def at(step: tuple[int, int], reach: int = 1) -> float:
        return float(x[2 + reach * step[0], 2 + reach * step[1]])

    def weight(step: tuple[int, int]) -> float:
        return float(w[1 + step[0], 1 + step[1]])

    if kind == "cv":
        return sum(weight(s) * at(s) for s in [*AROUND, (0, 0)])
    if kind == "cd":
        return sum(weight(s) * (at(s) - at((0, 0))) for s in AROUND)
    if kind == "rd":
        return sum(weight(s) * (at(s, 2) - at(s)) for s in AROUND)
    # every pixel minus its clockwise neighbour
    return sum(weight(s) * (at(s) - at(AROUND[(i + 1) % 8])) for i, s in enumerate(AROUND))


@pytest.mark.parametrize("kind", ["cv", "cd", "ad", "rd"])
def test_kernel_equals_pixel_differences(kind):
    x, w = torch.randn(5, 5, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    kernel = difference_kernel(w[None, None], kind)
    y = F.conv2d(x[None, None], kernel, padding=kernel.shape[-1] // 2)[0, 0, 2, 2]
    assert float(y) == pytest.approx(pixel_differences(x, w, kind), abs=1e-12)


@pytest.mark.parametrize("kind", ["cd", "ad", "rd"])
def test_differences_ignore_a_constant(kind):
    assert difference_kernel(torch.randn(4, 3, 3, 3).double(), kind).sum((2, 3)).abs().max() < 1e-12


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (5, 5)])
def test_fast_radial_difference_equals_the_wide_kernel(size):
    x, w = torch.randn(2, 3, *size).double(), torch.randn(3, 1, 3, 3).double()
    wide = F.conv2d(x, difference_kernel(w, "rd"), padding=2, groups=3)
    assert torch.allclose(radial_difference(x, w), wide, atol=1e-12)


def test_gradients_are_exact():
    conv = PixelDifferenceConv(2, 2, "rd", groups=2).double()
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv, (x,))
    y = torch.randn(1, 2, 4, 3).double()
    (fast,) = torch.autograd.grad((conv(x) * y).sum(), conv.weight)
    (plain,) = torch.autograd.grad((conv.eval()(x) * y).sum(), conv.weight)
    assert torch.allclose(fast, plain, atol=1e-12)


@pytest.mark.parametrize("head_width", [4, 0])
def test_folded_network_is_the_same(head_width):
    network, x = small(head_width).float().eval(), torch.randn(2, 3, 33, 46)
    folded = network.fold()
    assert not any(isinstance(m, PixelDifferenceConv) for m in folded.modules())
    for plain, difference in zip(folded.logits(x), network.logits(x), strict=True):
        scale = difference.abs().max()
        assert (plain - difference).abs().max() < 1e-5 * scale.clamp_min(1)  # float32 sums in another order


def test_training_computes_what_inference_does():
    network, x = small(), torch.randn(1, 3, 37, 41).double()
    maps = network.train()(x)
    assert len(maps) == 5
    assert torch.allclose(maps[-1], network.eval()(x), atol=1e-10)


def test_parameter_counts_are_the_papers():
    base = PiDiNet()
    assert sum(p.numel() for p in base.parameters()) == pytest.approx(710e3, rel=2e-3)
    assert sum(p.numel() for p in base.fold().parameters()) == pytest.approx(721e3, rel=2e-3)


@pytest.mark.parametrize("size", [(8, 8), (9, 15), (64, 33)])
def test_any_size_gives_a_map_of_that_size(size):
    soft = PiDiNet(PiDiNetConfig(4, 3)).eval().requires_grad_(False)(torch.randn(2, 3, *size))
    assert soft.shape == (2, 1, *size)
    assert float(soft.min()) >= 0
    assert float(soft.max()) <= 1


def test_batch_equals_singles():
    network, x = small().eval(), torch.randn(3, 3, 24, 16).double()
    assert torch.allclose(network(x), torch.cat([network(row[None]) for row in x]), atol=1e-12)


def reference(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The fused map from tensors under the authors' names, written from the paper's formulas."""

    def difference(name: str, x: torch.Tensor, layer: int) -> torch.Tensor:
        w = state[name]
        groups = x.shape[1] // w.shape[1]
        kind = ("cd", "ad", "rd", "cv")[layer % 4]
        if kind == "cd":
            total = F.conv2d(x, w.sum((2, 3), keepdim=True), groups=groups)
            return F.conv2d(x, w, padding=1, groups=groups) - total
        w = (
            torch.cat(
                [w.flatten(2)[:, :, :4], w.new_zeros(*w.shape[:2], 1), w.flatten(2)[:, :, 5:]], 2
            ).view_as(w)
            if kind == "rd"
            else w
        )
        if kind == "rd":
            near = F.conv2d(x, w, padding=1, groups=groups)
            return F.conv2d(x, w, padding=2, dilation=2, groups=groups) - near
        if kind == "ad":
            turned = w.flatten(2)[:, :, [3, 0, 1, 6, 4, 2, 7, 8, 5]].view_as(w)
            w = w - turned
        return F.conv2d(x, w, padding=1, groups=groups)

    size = x.shape[2:]
    x, layer, maps = difference("init_block.weight", x, 0), 1, []
    for stage, count in enumerate((3, 4, 4, 4)):
        for block in range(1, count + 1):
            name = f"block{stage + 1}_{block}"
            kept = x
            if f"{name}.shortcut.weight" in state:
                x = F.max_pool2d(x, 2, 2)
                kept = F.conv2d(x, state[f"{name}.shortcut.weight"], state[f"{name}.shortcut.bias"])
            y = F.relu(difference(f"{name}.conv1.weight", x, layer))
            x, layer = F.conv2d(y, state[f"{name}.conv2.weight"]) + kept, layer + 1
        d, a = f"dilations.{stage}", f"attentions.{stage}"
        y = F.conv2d(F.relu(x), state[f"{d}.conv1.weight"], state[f"{d}.conv1.bias"])
        y = sum(
            F.conv2d(y, state[f"{d}.conv2_{i + 1}.weight"], padding=r, dilation=r)
            for i, r in enumerate((5, 7, 9, 11))
        )
        gate = F.conv2d(F.relu(y), state[f"{a}.conv1.weight"], state[f"{a}.conv1.bias"])
        y = y * torch.sigmoid(F.conv2d(gate, state[f"{a}.conv2.weight"], padding=1))
        n = f"conv_reduces.{stage}.conv"
        y = F.conv2d(y, state[f"{n}.weight"], state[f"{n}.bias"])
        maps.append(F.interpolate(y, size, mode="bilinear", align_corners=False))
    return torch.sigmoid(F.conv2d(torch.cat(maps, 1), state["classifier.weight"], state["classifier.bias"]))


def official_names() -> list[str]:
    names = ["init_block.weight", "classifier.weight", "classifier.bias"]
    for stage, count in enumerate((3, 4, 4, 4)):
        names += [f"block{stage + 1}_{b}.conv{c}.weight" for b in range(1, count + 1) for c in (1, 2)]
        names += [f"block{stage + 1}_1.shortcut.{k}" for k in ("weight", "bias") if stage]
        names += [f"conv_reduces.{stage}.conv.{k}" for k in ("weight", "bias")]
        names += [f"attentions.{stage}.{k}" for k in ("conv1.weight", "conv1.bias", "conv2.weight")]
        names += [f"dilations.{stage}.conv1.{k}" for k in ("weight", "bias")]
        names += [f"dilations.{stage}.conv2_{i}.weight" for i in range(1, 5)]
    return names


def test_network_equals_an_independent_forward_pass():
    path = Path(__file__).parents[2] / "benchmarks" / "edges.py"
    spec = importlib.util.spec_from_file_location("edges_benchmark", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    network = small().eval()
    ours = network.state_dict()
    names = {f"module.{name}": benchmark.our_name(f"module.{name}") for name in official_names()}
    assert sorted(names.values()) == sorted(ours)
    state = {name.removeprefix("module."): ours[mine] for name, mine in names.items()}
    x = torch.randn(1, 3, 35, 50).double()
    assert torch.allclose(network(x), reference(state, x), atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (3, 16, 16), (1, 3, 7, 16)])
def test_bad_shapes_are_named(shape):
    with pytest.raises(ImageError, match="`images` must be"):
        PiDiNet(PiDiNetConfig(4, 3))(torch.zeros(shape))


def test_bad_width_is_named():
    with pytest.raises(InputError, match="`width` must be in"):
        PiDiNetConfig(width=0)
