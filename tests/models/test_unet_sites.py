import pytest
import torch
from diffusers import UNet2DConditionModel

from palitra.core.condition import Condition
from palitra.core.sites import select
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.edge_predictor import MINI_TAPS, SD_TAPS
from palitra.models.unet_sites import find_sites, forward_order, site_name
from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_unet
from tests.models.tiny_unet import denoiser, latents, words

# the modules of SD 1.x in the order and of the widths and sizes that the method's papers and ports name
SKETCH_TAPS = (
    ("down_blocks.0.attentions.1", 320, 64),
    ("down_blocks.1.attentions.0", 640, 32),
    ("down_blocks.2.attentions.1", 1280, 16),
    ("mid_block.resnets.0", 1280, 8),
    ("mid_block.attentions.0", 1280, 8),
    ("mid_block.resnets.1", 1280, 8),
    ("up_blocks.0.upsamplers.0", 1280, 16),
    ("up_blocks.1.attentions.1", 1280, 16),
    ("up_blocks.2.upsamplers.0", 640, 64),
)


@pytest.fixture(scope="module")
def sd():
    with torch.device("meta"):
        return UNet2DConditionModel(sample_size=64, cross_attention_dim=768)


def test_names_are_read_off_module_names():
    assert site_name("down_blocks.1.resnets.0") == "down.1.res.0"
    assert site_name("mid_block.attentions.0") == "mid.attn.0"
    assert site_name("up_blocks.2.upsamplers.0") == "up.2.upsample"
    assert site_name("up_blocks.3.attentions.2.transformer_blocks.0.attn2") == "up.3.attn.2.block.0.cross"


def test_sketch_taps_of_sd_are_the_published_modules(sd):
    sites, modules = find_sites(sd), dict(sd.named_modules())
    assert [sites[tap].module for tap in SD_TAPS] == [modules[name] for name, *_ in SKETCH_TAPS]
    assert sorted(SD_TAPS, key=list(sites).index) == list(SD_TAPS)


def test_sketch_taps_of_sd_have_9280_channels(sd):
    text = Condition(text=torch.zeros(1, 77, 768, device="meta"))
    x = torch.zeros(1, 4, 64, 64, device="meta")
    features = DiffusersUNet(sd, "epsilon").features(x, 500, text, SD_TAPS)
    assert [tuple(f.shape[1:]) for f in features] == [(c, s, s) for _, c, s in SKETCH_TAPS]
    assert sum(f.shape[1] for f in features) == 9280


def test_sd_has_all_its_sites(sd):
    sites = list(find_sites(sd))
    assert len(select(sites, "*.self.probs")) == len(select(sites, "*.cross.probs")) == 16
    assert len(select(sites, "down.?.res.?|mid.res.?|up.?.res.?")) == 22
    assert select(sites, "*.downsample|*.upsample") == [
        *(f"down.{i}.downsample" for i in range(3)),
        *(f"up.{i}.upsample" for i in range(3)),
    ]


def test_mini_has_its_sketch_taps():
    with torch.device("meta"):
        sites = list(find_sites(build_unet(MiniConfig())))
    assert set(MINI_TAPS) <= set(sites)
    assert sorted(MINI_TAPS, key=sites.index) == list(MINI_TAPS)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_order_is_that_of_the_forward_pass(layers):
    network = denoiser(layers_per_block=layers, transformer_layers_per_block=2)
    met = []
    handles = [
        site.module.register_forward_hook(lambda *_, name=name: met.append(name))
        for name, site in find_sites(network.unet).items()
        if site.part in ("output", "out")
    ]
    network(latents(), 500, words())
    for handle in handles:
        handle.remove()
    assert met == [n for n in network.sites if n.rsplit(".", 1)[-1] not in ("q", "k", "v", "probs", "attend")]


def test_a_residual_block_is_its_skip_and_what_its_last_convolution_gives():
    network = denoiser()
    seen = dict.fromkeys(("up.1.res.1.conv2", "up.1.res.1"))
    block = network.unet.up_blocks[1].resnets[1]
    skips = []
    handle = block.conv_shortcut.register_forward_hook(lambda _m, _i, out: skips.append(out))
    values = network.features(latents(), 500, words(), list(seen))
    handle.remove()
    assert torch.equal(values[0] + skips[0], values[1])


def test_parts_of_an_attention_come_in_the_order_of_its_formula():
    inside = [f"up.0.attn.0.block.0.self.{part}" for part in ("q", "k", "v", "probs", "out")]
    after = ["up.0.attn.0.block.0.cross.q", "up.0.attn.0", "up.0.res.1", "up.0.upsample", "up.1.res.0"]
    assert sorted(set(inside + after), key=forward_order) == inside + after
