import pytest
import torch
from torch import nn

from palitra.errors import ComposeError
from palitra.train.muon import MuonAdamW
from palitra.zoo.families.make import make_family
from palitra.zoo.models import preset
from palitra.zoo.optimisers import joint_optimiser, optimiser_tensors, restore_optimiser
from tests.zoo.toy_images import toy_trainer


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2))


def stepped(optimiser, net):
    for i, p in enumerate(net.parameters()):
        p.grad = torch.full_like(p, 0.1 * (i + 1))
    optimiser.step()
    return [p.detach().clone() for p in net.parameters()]


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_restored_moments_go_on_as_if_never_stopped(kind):
    training = preset("cvae", "tiny", [f"training.optimiser={kind}"]).training
    whole = network()
    optimiser = joint_optimiser(training, whole, ("0.", "2."))
    stepped(optimiser, whole)
    kept, weights = optimiser_tensors("model", optimiser), [p.detach().clone() for p in whole.parameters()]
    expected = stepped(optimiser, whole)
    other = network()
    with torch.no_grad():
        for p, w in zip(other.parameters(), weights, strict=True):
            p.copy_(w)
    resumed = joint_optimiser(training, other, ("0.", "2."))
    restore_optimiser("model", resumed, {k: v.clone() for k, v in kept.items()})
    assert all(torch.equal(a, b) for a, b in zip(expected, stepped(resumed, other), strict=True))


def test_first_and_last_layers_stay_with_adam():
    config = preset("edm", "tiny", ["training.optimiser=muon"])
    model = make_family(config, (1, 8, 8), 2)
    optimiser = model.optimisers()["model"]
    assert isinstance(optimiser, MuonAdamW)
    ruled = {id(p) for p in optimiser.param_groups[-1]["params"]}
    for name in ("begin.weight", "end.weight", "label.weight", "begin.bias"):
        assert id(model.unet.get_parameter(name)) in ruled
    assert id(model.unet.get_parameter("downs.0.blocks.0.conv1.weight")) not in ruled


@pytest.mark.parametrize("name", ["edm", "cvae"])
def test_resume_with_muon_equals_no_interruption_bit_for_bit(name, tmp_path):
    change = "training.optimiser=muon"
    whole, broken = (toy_trainer(name, tmp_path / place, change) for place in ("whole", "broken"))
    for _ in range(4):
        whole.one_step()
    for _ in range(2):
        broken.one_step()
    broken.save()
    resumed = toy_trainer(name, tmp_path / "broken", change)
    for _ in range(2):
        resumed.one_step()
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_games_are_refused():
    with pytest.raises(ComposeError, match=r"training\.optimiser muon"):
        preset("dcgan", "tiny", ["training.optimiser=muon"])
