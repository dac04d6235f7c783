import copy

import pytest
import torch
from torch import nn

from palitra.train.muon import MuonAdamW, split_parameters


def network():
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("conv_in", nn.Conv2d(2, 6, 3))
    net.add_module("body", nn.Conv2d(6, 4, 3))
    net.add_module("names", nn.Embedding(5, 4))
    net.add_module("out", nn.Linear(4, 4))
    return net


def optimiser(net, lr=0.1, weight_decay=0.0):
    return MuonAdamW(*split_parameters(net), lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay)


def set_gradients(net, seed=1):
    g = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        p.grad = torch.randn(p.shape, generator=g)


def test_hidden_matrices_go_to_muon_and_edges_tables_and_vectors_to_adamw():
    net = network()
    matrices, rest = split_parameters(net)
    assert [tuple(p.shape) for p in matrices] == [(4, 6, 3, 3), (4, 4)]
    assert len(matrices) + len(rest) == len(list(net.parameters()))
    assert not {id(p) for p in matrices} & {id(p) for p in rest}


def test_a_matrix_moves_by_a_nearly_orthogonal_update_of_adams_size():
    """Singular values of the update are near rate * 0.2 * sqrt(max(shape)); Newton-Schulz leaves +-30 %."""
    net = network()
    before = net.body.weight.detach().clone()
    set_gradients(net)
    optimiser(net).step()
    moved = (before - net.body.weight.detach()).flatten(1)
    singular = torch.linalg.svdvals(moved)
    size = 0.1 * 0.2 * 54**0.5
    assert singular.min() > 0.6 * size
    assert singular.max() < 1.3 * size


def test_the_rest_moves_as_under_adamw():
    net, other = network(), network()
    set_gradients(net)
    set_gradients(other)
    optimiser(net, weight_decay=0.01).step()
    torch.optim.AdamW(other.parameters(), lr=0.1, betas=(0.9, 0.99), weight_decay=0.01).step()
    for name in ("conv_in.weight", "conv_in.bias", "names.weight", "out.bias"):
        assert torch.equal(net.get_parameter(name), other.get_parameter(name))
    assert not torch.equal(net.out.weight, other.out.weight)


def test_a_parameter_without_a_gradient_stays():
    net = network()
    set_gradients(net)
    net.body.weight.grad = None
    before = net.body.weight.detach().clone()
    optimiser(net).step()
    assert torch.equal(before, net.body.weight)


def test_restored_state_goes_on_bit_for_bit():
    net = network()
    first = optimiser(net)
    set_gradients(net)
    first.step()
    twin = copy.deepcopy(net)
    second = optimiser(twin)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for one, its in ((net, first), (twin, second)):
        set_gradients(one, 2)
        its.step()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), twin.parameters(), strict=True))


def test_a_layout_that_cannot_be_viewed_as_a_matrix_is_refused():
    net = network().to(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        optimiser(net)


def test_rates_are_set_through_the_groups_and_gradients_forgotten():
    net = network()
    its = optimiser(net)
    for group in its.param_groups:
        group["lr"] = 0.0
    before = [p.detach().clone() for p in net.parameters()]
    set_gradients(net)
    its.step()
    its.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("steps", [100])
def test_it_fits_a_linear_map(steps):
    torch.manual_seed(0)
    net, target = nn.Linear(8, 8), torch.randn(8, 8)
    its, x = optimiser(net, lr=0.2), torch.randn(64, 8)
    losses = []
    for step in range(steps):
        for group in its.param_groups:
            group["lr"] = 0.2 * (1 - step / steps)
        loss = (net(x) - x @ target).square().mean()
        loss.backward()
        its.step()
        its.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.02 * losses[0]
