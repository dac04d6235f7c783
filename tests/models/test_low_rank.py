import pytest
import torch

from palitra.errors import WeightsError
from palitra.models.low_rank import LowRankStudent, merge
from tests.models.tiny_unet import bus, denoiser, latents, words


def run(net):
    x = latents(batch=2)
    return net(x, 500, words(), bus(x))


def stirred(net, rank=2):
    student = LowRankStudent(net.unet, rank)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in student.parameters:
            p.add_(0.05 * torch.randn(p.shape))
    return student


def test_a_fresh_student_is_its_teacher():
    net = denoiser()
    before = run(net)
    LowRankStudent(net.unet, 4)
    # the same weights; kernels that keep what a gradient needs round elsewhere
    assert torch.allclose(run(net), before, atol=1e-6)


def test_the_teacher_stays_inside_what_the_student_becomes():
    net = denoiser()
    before = run(net)
    student = stirred(net)
    assert not torch.allclose(run(net), before, atol=1e-3)
    with student.teacher():
        assert torch.allclose(run(net), before, atol=1e-6)


def test_merged_differences_are_the_student():
    net, plain = denoiser(), denoiser()
    student = stirred(net)
    merge(plain.unet, student.tensors())
    # W + BA once, instead of at every call: the same numbers
    assert torch.allclose(run(plain), run(net), atol=1e-6)


def test_only_differences_learn():
    net = denoiser()
    student = stirred(net)
    run(net).square().mean().backward()
    assert all(p.grad is not None for p in student.parameters)
    frozen = {id(p) for p in student.parameters}
    assert all(p.grad is None for p in net.unet.parameters() if id(p) not in frozen)


def test_the_rank_is_what_it_says():
    net = denoiser()
    student = stirred(net, rank=3)
    found = student.tensors()
    up, down = found["conv_in.weight.up"], found["conv_in.weight.down"]
    assert up.shape == (8, 3)
    assert down.shape == (3, 36)
    assert torch.linalg.matrix_rank(up @ down) == 3


def test_differences_come_back_and_others_are_refused():
    student = stirred(denoiser())
    other = LowRankStudent(denoiser().unet, 2)
    other.load(student.tensors())
    assert all(torch.equal(other.tensors()[k], v) for k, v in student.tensors().items())
    with pytest.raises(WeightsError, match="same rank"):
        LowRankStudent(denoiser().unet, 3).load(student.tensors())
    with pytest.raises(WeightsError, match="the difference of nowhere"):
        merge(denoiser().unet, {"nowhere.weight.full": torch.zeros(3)})
