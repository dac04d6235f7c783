import pytest
import torch

from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.errors import InputError
from palitra.taps.sketch_adapter import SketchAdapterTap
from tests.models.tiny_unet import bus, denoiser, latents, words

SITES = ("down.0.attn.0", "down.1.attn.0")


def maps(batch=1):
    g = torch.Generator().manual_seed(5)
    return [torch.randn(batch, 8, 8, 8, generator=g), torch.randn(batch, 16, 4, 4, generator=g)]


def run(net, x, tap):
    with torch.no_grad():
        return net(x, 500, words(), bus(x, *([tap] if tap else [])))


def test_strength_zero_changes_nothing():
    net, x = denoiser(), latents(batch=2)
    assert torch.equal(run(net, x, SketchAdapterTap(SITES, maps(), 0.0)), run(net, x, None))


def test_it_is_what_diffusers_adds_within_the_blocks():
    net, x = denoiser(), latents()
    ours = run(net, x, SketchAdapterTap(SITES, maps(), 0.7))
    theirs = net.unet(
        x, 500, words().text, down_intrablock_additional_residuals=[0.7 * m for m in maps()]
    ).sample
    assert not torch.allclose(ours, run(net, x, None), atol=1e-3)
    # the same sums in the same order
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_batch_equals_its_singles():
    net, x, m = denoiser(), latents(batch=3), maps(3)
    together = run(net, x, SketchAdapterTap(SITES, m))
    alone = [run(net, x[i : i + 1], SketchAdapterTap(SITES, [v[i : i + 1] for v in m])) for i in range(3)]
    # batched products sum in another order
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_both_halves_of_guidance_get_the_same_maps():
    net, x, m = denoiser(), latents(batch=2), maps(2)
    twice = torch.cat([x, x])
    rows = Rows({"uncond": slice(0, 2), "target": slice(2, 4)})
    with torch.no_grad():
        out = net(twice, 500, words(), Bus([SketchAdapterTap(SITES, m)], rows, Step(0, 1, 500, 0.5, x)))
    assert torch.allclose(out[:2], out[2:], atol=1e-6)
    assert torch.allclose(out[:2], run(net, x, SketchAdapterTap(SITES, m)), atol=1e-5)


def test_a_negative_strength_is_refused():
    with pytest.raises(InputError, match="`strength` must be at least 0, got -1"):
        SketchAdapterTap(SITES, maps(), -1)
