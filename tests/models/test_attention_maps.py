import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from palitra.models.attention_maps import TappedAttention, tapped_attention


@pytest.fixture
def attention():
    return Attention(query_dim=8, cross_attention_dim=6, heads=2, dim_head=4).eval().requires_grad_(False)


def inputs():
    return torch.randn(3, 7, 8), torch.randn(3, 5, 6)


def test_watching_changes_nothing(attention):
    x, context = inputs()
    seen = []

    def see(probs):
        seen.append(probs)
        return probs

    expected = attention(x, context)
    with tapped_attention(attention, see):
        assert isinstance(attention.processor, TappedAttention)
        watched = attention(x, context)
    assert torch.allclose(watched, expected, atol=1e-6)
    assert seen[0].shape == (3, 2, 7, 5)
    assert torch.allclose(seen[0].sum(-1), torch.ones(3, 2, 7), atol=1e-6)


def test_a_map_may_be_changed(attention):
    x, context = inputs()
    with tapped_attention(attention, lambda p: torch.full_like(p, 1 / p.shape[-1])):
        changed = attention(x, context)
    mean = attention.to_out[0](attention.to_v(context).mean(1, keepdim=True))
    assert torch.allclose(changed, mean.expand_as(changed), atol=1e-6)


def test_self_attention_reads_itself():
    attention = Attention(query_dim=8, heads=2, dim_head=4).eval().requires_grad_(False)
    x, _ = inputs()
    expected = attention(x)
    with tapped_attention(attention, lambda p: p):
        assert torch.allclose(attention(x), expected, atol=1e-6)


def test_a_mask_hides_the_same_tokens(attention):
    x, context = inputs()
    mask = torch.zeros(3, 1, 5)
    mask[:, :, 3:] = -1e4
    expected = AttnProcessor2_0()(attention, x, context, mask.repeat_interleave(2, 0))
    for given in (mask, mask.repeat_interleave(2, 0)):
        assert torch.allclose(TappedAttention(lambda p: p)(attention, x, context, given), expected, atol=1e-6)


def test_residual_and_rescaling_are_kept():
    attention = Attention(8, heads=2, dim_head=4, residual_connection=True, rescale_output_factor=2.0)
    attention.eval().requires_grad_(False)
    x, _ = inputs()
    expected = attention(x)
    with tapped_attention(attention, lambda p: p):
        assert torch.allclose(attention(x), expected, atol=1e-6)


def test_the_processor_comes_back_also_after_an_exception(attention):
    before = attention.processor
    with pytest.raises(ZeroDivisionError), tapped_attention(attention, lambda p: 1 / 0):
        attention(*inputs())
    assert attention.processor is before
