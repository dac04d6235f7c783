"""The two networks of an adversarial model, from its choices."""

from __future__ import annotations

from torch import nn

from palitra.zoo.backbones.biggan import BigGANGenerator, BigGANTrunk
from palitra.zoo.backbones.dcgan import DCGANGenerator, DCGANTrunk
from palitra.zoo.backbones.discriminator import Discriminator
from palitra.zoo.backbones.mlp import MLPGenerator, MLPTrunk
from palitra.zoo.backbones.r3gan import R3GANGenerator, R3GANTrunk
from palitra.zoo.backbones.stylegan2 import StyleGAN2Generator, StyleGAN2Trunk
from palitra.zoo.choices import (
    BigGANBackbone,
    DCGANBackbone,
    MLPBackbone,
    R3GANBackbone,
    StyleGAN2Backbone,
)
from palitra.zoo.config import ZooConfig
from palitra.zoo.regularisers.spectral_norm import apply_spectral_norm

Shape = tuple[int, int, int]
REFERENCES = 64


def make_generator(config: ZooConfig, shape: Shape, classes: int) -> nn.Module:
    """The generator; it sees the class unless the conditioning is none or semi_supervised."""
    choice = config.backbone
    told = 0 if config.conditioning.kind in ("none", "semi_supervised") else classes
    if isinstance(choice, MLPBackbone):
        return MLPGenerator(choice, shape, told)
    if isinstance(choice, DCGANBackbone):
        references = min(REFERENCES, config.training.batch) if config.regularisers.virtual_batch_norm else 0
        return DCGANGenerator(choice, shape, told, references)
    if isinstance(choice, BigGANBackbone):
        network = BigGANGenerator(choice, shape, told)
        # the shared class embedding alone keeps its free scale
        return apply_spectral_norm(network, (nn.Embedding,)) if config.regularisers.spectral_norm else network
    if isinstance(choice, StyleGAN2Backbone):
        return StyleGAN2Generator(choice, shape, told)
    assert isinstance(choice, R3GANBackbone)
    return R3GANGenerator(choice, shape, told)


def make_discriminator(config: ZooConfig, shape: Shape, classes: int) -> Discriminator:
    """The discriminator: trunk, head of the conditioning, spectral norm where chosen."""
    choice = config.backbone
    beside = classes if config.conditioning.kind == "concat" else 0
    trunk: nn.Module
    if isinstance(choice, MLPBackbone):
        trunk = MLPTrunk(choice, shape, beside)
    elif isinstance(choice, DCGANBackbone):
        trunk = DCGANTrunk(choice, shape, beside)
    elif isinstance(choice, BigGANBackbone):
        trunk = BigGANTrunk(choice, shape, beside)
    elif isinstance(choice, StyleGAN2Backbone):
        trunk = StyleGAN2Trunk(choice, shape, beside)
    else:
        assert isinstance(choice, R3GANBackbone)
        trunk = R3GANTrunk(choice, shape, beside)
    judge = Discriminator(trunk, config.conditioning, classes, config.regularisers.minibatch_discrimination)
    if config.regularisers.spectral_norm:
        apply_spectral_norm(judge)
    return judge
