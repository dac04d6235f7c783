"""A diffusers U-Net of a few thousand weights with every kind of site, and what it is told."""

import torch
from diffusers import UNet2DConditionModel

from palitra.core.condition import Condition
from palitra.core.rows import Rows
from palitra.core.step import Step
from palitra.core.tap import Bus
from palitra.models.diffusers_unet import DiffusersUNet


def tiny_unet(seed=0, **changes):
    torch.manual_seed(seed)
    options = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": 8,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    return UNet2DConditionModel(**(options | changes))


def denoiser(seed=0, **changes) -> DiffusersUNet:
    return DiffusersUNet(tiny_unet(seed, **changes), "v_prediction")


def words(seed=0, batch=1, width=8) -> Condition:
    g = torch.Generator().manual_seed(seed)
    return Condition(text=torch.randn(batch, 5, width, generator=g))


def latents(seed=0, batch=1, channels=4):
    g = torch.Generator().manual_seed(100 + seed)
    return torch.randn(batch, channels, 8, 8, generator=g)


def bus(x, *taps, cut=False) -> Bus:
    """One branch, `target`, that is the whole batch."""
    return Bus(taps, Rows({"target": slice(0, len(x))}), Step(0, 10, 500, 0.5, x), cut)


class Change:
    """A tap that maps values by a function and counts how often it was asked."""

    def __init__(self, sites, function=lambda v: v):
        self.sites, self.function, self.seen = sites, function, []

    def __call__(self, site, value, rows, step):
        self.seen.append((site, tuple(value.shape)))
        return self.function(value)


def hook_count(unet) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in unet.modules())
