"""The orthogonal choices: backbone, conditioning, loss, regularisers, augmentation, training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Width = Annotated[int, Field(ge=4, le=2048)]
Latent = Annotated[int, Field(ge=1, le=4096)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Choice(BaseModel):
    """Base of all choices: never changed, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MLPBackbone(Choice):
    """Fully connected networks; the generator's layers grow from `width` by doubling."""

    kind: Literal["mlp"] = "mlp"
    latent: Latent = 100
    width: Width = 128
    layers: Annotated[int, Field(ge=1, le=8)] = 4
    dropout: Share = 0.0


class DCGANBackbone(Choice):
    """Strided and transposed convolutions; `width` channels at the finest level."""

    kind: Literal["dcgan"] = "dcgan"
    latent: Latent = 128
    width: Width = 64
    discriminator_norm: Literal["batch", "none"] = "batch"
    dropout: Share = 0.0


class BigGANBackbone(Choice):
    """Residual blocks, class-conditional batch norm fed by chunks of the latent, self-attention."""

    kind: Literal["biggan"] = "biggan"
    latent: Latent = 80
    width: Width = 96
    embedding: Latent = 128
    attention: bool = True


class StyleGAN2Backbone(Choice):
    """Mapping network, modulated convolutions, skip outputs; widths min(capacity / resolution, width)."""

    kind: Literal["stylegan2"] = "stylegan2"
    latent: Latent = 512
    width: Width = 512
    capacity: Annotated[int, Field(ge=64, le=65536)] = 32768
    mapping_layers: Annotated[int, Field(ge=1, le=8)] = 2


class R3GANBackbone(Choice):
    """Grouped residual blocks without any normalisation.

    Each of the finest `taper` grids has half the width of the one before: cheaper where pixels are many.
    """

    kind: Literal["r3gan"] = "r3gan"
    latent: Latent = 64
    width: Width = 768
    blocks: Annotated[int, Field(ge=1, le=8)] = 2
    group_size: Annotated[int, Field(ge=1, le=64)] = 16
    taper: Annotated[int, Field(ge=0, le=4)] = 0


class VAEBackbone(Choice):
    """Convolutional encoder and decoder around a normal latent."""

    kind: Literal["vae"] = "vae"
    latent: Latent = 128
    width: Width = 32


class UNetBackbone(Choice):
    """Residual U-Net with time and class embedding; one multiplier per level, attention where named.

    It works on `patch` x `patch` pixels at a time as so many more channels (arXiv 2207.04316): 2 costs about
    a quarter.
    """

    kind: Literal["unet"] = "unet"
    width: Width = 128
    multipliers: tuple[Annotated[int, Field(ge=1, le=8)], ...] = (1, 2, 2, 2)
    blocks: Annotated[int, Field(ge=1, le=8)] = 2
    attention: tuple[bool, ...] = (False, True, False, False)
    dropout: Share = 0.0
    patch: Annotated[int, Field(ge=1, le=8)] = 1


Backbone = Annotated[
    MLPBackbone
    | DCGANBackbone
    | BigGANBackbone
    | StyleGAN2Backbone
    | R3GANBackbone
    | VAEBackbone
    | UNetBackbone,
    Field(discriminator="kind"),
]


class Conditioning(Choice):
    """How the class is told; for adversarial models this is the discriminator's way.

    none: no classes. concat: one-hot beside the input. projection: inner product with the features.
    auxiliary: a class head trained beside the game. semi_supervised: the class logits are the score, and only
    `labelled` pictures per class have their labels (all when None).
    """

    kind: Literal["none", "concat", "projection", "auxiliary", "semi_supervised"] = "none"
    labelled: Annotated[int, Field(ge=1)] | None = None
    weight: Weight = 1.0


class AdversarialLoss(Choice):
    """The game between two networks."""

    kind: Literal["minimax", "non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"] = (
        "non_saturating"
    )


class ElboLoss(Choice):
    """Reconstruction + beta x KL; beta grows from 0 over `warmup` of the images."""

    kind: Literal["elbo"] = "elbo"
    reconstruction: Literal["gaussian", "laplace", "bernoulli"] = "gaussian"
    beta: Weight = 1.0
    warmup: Share = 0.1
    free_bits: Weight = 0.0


class DiffusionLoss(Choice):
    """Mean squared error of the predicted noise or velocity over discrete times."""

    kind: Literal["epsilon", "v_prediction"] = "epsilon"
    schedule: Literal["linear", "cosine"] = "linear"
    steps: Annotated[int, Field(ge=2, le=10000)] = 1000
    label_dropout: Share = 0.1


class EDMLoss(Choice):
    """Preconditioned denoising at log-normal noise levels."""

    kind: Literal["edm"] = "edm"
    log_sigma_mean: float = -1.2
    log_sigma_deviation: Annotated[float, Field(gt=0, le=10)] = 1.2
    sigma_data: Annotated[float, Field(gt=0, le=10)] = 0.5
    label_dropout: Share = 0.1


Loss = Annotated[AdversarialLoss | ElboLoss | DiffusionLoss | EDMLoss, Field(discriminator="kind")]


class Regularisers(Choice):
    """What is added to an adversarial game; 0 or false leaves a part out.

    r1, r2: gamma of the penalty on real and on generated pictures, computed every `lazy_every` steps and then
    weighted as many times. label_smoothing: how far the real target is below 1.
    """

    r1: Weight = 0.0
    r2: Weight = 0.0
    lazy_every: Annotated[int, Field(ge=1, le=64)] = 1
    gradient_penalty: Weight = 0.0
    spectral_norm: bool = False
    feature_matching: Weight = 0.0
    minibatch_discrimination: bool = False
    historical_averaging: Weight = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    virtual_batch_norm: bool = False

    def chosen(self) -> tuple[str, ...]:
        """Names of the parts at work."""
        return tuple(k for k in type(self).model_fields if k != "lazy_every" and getattr(self, k))


class NoAugmentation(Choice):
    """Pictures as they are."""

    kind: Literal["none"] = "none"


class DiffAugmentation(Choice):
    """DiffAugment: colour, translation and cutout on every picture a discriminator sees."""

    kind: Literal["diffaugment"] = "diffaugment"
    colour: bool = True
    translation: Share = 0.125
    cutout: Share = 0.5


class AdaptiveAugmentation(Choice):
    """ADA: every change with probability p, which follows the sign of the scores of real pictures."""

    kind: Literal["ada"] = "ada"
    target: Annotated[float, Field(ge=-1, le=1)] = 0.6
    adapt_over: Count = 500_000
    start: Share = 0.0
    blit: bool = True
    geometry: bool = True
    colour: bool = True


Augmentation = Annotated[
    NoAugmentation | DiffAugmentation | AdaptiveAugmentation, Field(discriminator="kind")
]


class Training(Choice):
    """Budget and optimiser; `images` counts pictures seen, the one clock of all schedules.

    muon (for models trained as one network) moves rare directions of a matrix as far as common ones.
    """

    images: Count = 1_000_000
    batch: Annotated[int, Field(ge=2, le=65536)] = 64
    optimiser: Literal["adam", "muon"] = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-4
    discriminator_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    discriminator_steps: Annotated[int, Field(ge=1, le=20)] = 1
    beta1: Share = 0.5
    beta2: Share = 0.999
    warmup: Annotated[int, Field(ge=0)] = 0
    decay_from: Annotated[float, Field(gt=0, le=1)] = 1.0
    clip_norm: Weight = 0.0
    ema: Share = 0.999
    flip: bool = False
    bf16: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    save_every: Count = 50_000
    score_every: Count = 50_000
