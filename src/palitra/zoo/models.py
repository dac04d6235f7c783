"""The models of the zoo by name: title, sources, and the choices each preset makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from palitra.errors import ModelNotFoundError
from palitra.zoo.config import ZooConfig, build_config, changed

Values = Mapping[str, Mapping[str, Any]]
PRESETS: Final = ("tiny", "small", "paper")
TRAIN: Final[Values] = {
    "tiny": {"images": 40_000, "batch": 32, "ema": 0.99, "save_every": 10_000, "score_every": 10_000},
    "small": {"images": 200_000, "batch": 64, "ema": 0.998, "bf16": True, "decay_from": 0.5},
    "paper": {"images": 20_000_000, "ema": 0.9999, "save_every": 500_000, "score_every": 500_000},
}
PER_CLASS: Final = {"conditioning": {"kind": "concat"}}
PROJECTED: Final = {"conditioning": {"kind": "projection"}}
SPECTRAL: Final = {"spectral_norm": True}
STYLE: Final = {"beta1": 0.0, "beta2": 0.99, "learning_rate": 2.5e-3}


@dataclass(frozen=True)
class Model:
    """A named point in the space of choices; presets (`sizes`) lie over `base`; `published`: its goal."""

    name: str
    title: str
    source: str
    base: Values
    sizes: Mapping[str, Values]
    published: str = ""


def _unet(width: int, *multipliers: int, blocks: int = 1, attention: int = -1, **more: Any) -> dict[str, Any]:
    levels = [i == attention for i in range(len(multipliers))]
    return {
        "backbone": {
            "width": width,
            "multipliers": multipliers,
            "blocks": blocks,
            "attention": levels,
            **more,
        }
    }


UNETS: Final[dict[str, Values]] = {
    "tiny": {**_unet(16, 1, 2), "training": {"learning_rate": 2e-3}},
    "small": {
        **_unet(48, 1, 2, attention=1, patch=2),
        "training": {"images": 90_000, "optimiser": "muon", "learning_rate": 1e-3, "warmup": 50},
    },
    "paper": {
        **_unet(128, 1, 2, 2, 2, blocks=2, attention=1, dropout=0.1),
        "training": {"images": 100_000_000, "batch": 128, "warmup": 5000, "clip_norm": 1.0, "flip": True},
    },
}
ADAM: Final = {"beta1": 0.9, "beta2": 0.999}
MLP: Final[dict[str, Values]] = {
    "tiny": {"backbone": {"width": 32, "layers": 3, "latent": 32}},
    "small": {"training": {"images": 1_500_000}},
    "paper": {"training": {"images": 12_000_000}},
}
CONV: Final[dict[str, Values]] = {
    "tiny": {"backbone": {"width": 8, "latent": 32}},
    "small": {"backbone": {"width": 32}},
    "paper": {"training": {"batch": 128}},
}
VAES: Final[dict[str, Values]] = {
    "tiny": {"backbone": {"width": 8, "latent": 16}},
    "small": {"backbone": {"width": 24, "latent": 32}, "training": {"images": 450_000}},
    "paper": {"training": {"batch": 128}},
}
MODELS: Final = (
    Model("gan", "GAN of fully connected networks", "arXiv 1406.2661", {"backbone": {"kind": "mlp"}}, MLP),
    Model(
        "cgan",
        "Conditional GAN of fully connected networks",
        "arXiv 1411.1784",
        {"backbone": {"kind": "mlp", "dropout": 0.3}, **PER_CLASS},
        MLP,
    ),
    Model(
        "dcgan",
        "Deep convolutional GAN, conditional by class planes",
        "arXiv 1511.06434",
        {"backbone": {"kind": "dcgan"}, **PER_CLASS},
        CONV,
        published="CIFAR-10 FID 48.3 (re-implementation)",
    ),
    Model(
        "sndcgan",
        "DCGAN with spectral norm, hinge loss, projection and DiffAugment",
        "arXiv 1802.05957, 1802.05637, 2006.10738",
        {
            "backbone": {"kind": "dcgan", "discriminator_norm": "none"},
            "loss": {"kind": "hinge"},
            "regularisers": SPECTRAL,
            "augmentation": {"kind": "diffaugment"},
            **PROJECTED,
        },
        CONV,
        published="CIFAR-10 FID 15.7 to 17.8",
    ),
    Model(
        "improved",
        "DCGAN with the five techniques of Improved GAN, each an option",
        "arXiv 1606.03498",
        {
            "backbone": {"kind": "dcgan"},
            "conditioning": {"kind": "auxiliary"},
            "regularisers": {
                "minibatch_discrimination": True,
                "historical_averaging": 1e-3,
                "label_smoothing": 0.1,
                "virtual_batch_norm": True,
            },
        },
        CONV,
        published="CIFAR-10 IS 8.09",
    ),
    Model(
        "sgan",
        "Semi-supervised GAN: class logits as score",
        "arXiv 1606.01583, 1606.03498",
        {
            "backbone": {"kind": "dcgan", "dropout": 0.2},
            "conditioning": {"kind": "semi_supervised", "labelled": 100},
        },
        CONV,
        published="CIFAR-10, 4,000 labels: error 18.6 % (feature matching)",
    ),
    Model(
        "biggan",
        "BigGAN",
        "arXiv 1809.11096",
        {
            "backbone": {"kind": "biggan"},
            "loss": {"kind": "hinge"},
            "regularisers": SPECTRAL,
            **PROJECTED,
        },
        {
            "tiny": {"backbone": {"width": 4, "latent": 32, "embedding": 16, "attention": False}},
            "small": {
                "backbone": {"width": 16, "latent": 64, "embedding": 32},
                "training": {"images": 80_000, "batch": 32, "discriminator_steps": 2},
            },
            "paper": {"training": {"discriminator_steps": 5, "images": 32_000_000, "flip": True}},
        },
        published="CIFAR-10 FID 4.16 (re-implementation), 14.7 (paper)",
    ),
    Model(
        "stylegan2",
        "StyleGAN2 with adaptive augmentation, conditional",
        "arXiv 1912.04958, 2006.06676",
        {
            "backbone": {"kind": "stylegan2"},
            "regularisers": {"r1": 0.01, "lazy_every": 16},
            "augmentation": {"kind": "ada"},
            **PROJECTED,
            "training": STYLE,
        },
        {
            "tiny": {
                "backbone": {"latent": 32, "width": 16, "capacity": 256},
                "regularisers": {"lazy_every": 4},
                "augmentation": {"adapt_over": 20_000},
            },
            "small": {
                "backbone": {"latent": 128, "width": 32, "capacity": 512},
                "regularisers": {"r1": 0.1},
                "augmentation": {"adapt_over": 100_000},
                "training": {"images": 100_000, "batch": 32},
            },
            "paper": {"training": {"images": 100_000_000, "flip": True}},
        },
        published="CIFAR-10 conditional FID 2.42",
    ),
    Model(
        "r3gan",
        "R3GAN: relativistic pairs, R1 and R2, no normalisation",
        "arXiv 2501.05441",
        {
            "backbone": {"kind": "r3gan"},
            "loss": {"kind": "relativistic"},
            "regularisers": {"r1": 0.05, "r2": 0.05},
            **PROJECTED,
            "training": {"beta1": 0.0, "beta2": 0.99, "learning_rate": 2e-4},
        },
        {
            "tiny": {
                "backbone": {"width": 16, "latent": 32, "blocks": 1, "group_size": 8},
                "training": {"learning_rate": 2e-3},
            },
            "small": {
                "backbone": {"width": 48, "blocks": 1, "group_size": 16, "taper": 2},
                "regularisers": {"r1": 1.0, "r2": 1.0, "lazy_every": 2},
                "training": {"images": 65_000, "batch": 32, "learning_rate": 5e-4},
            },
            "paper": {"training": {"batch": 512, "flip": True}, "augmentation": {"kind": "ada"}},
        },
        published="CIFAR-10 conditional FID 1.96",
    ),
    Model(
        "vae",
        "Variational autoencoder",
        "arXiv 1312.6114, 1903.12436",
        {"backbone": {"kind": "vae"}, "loss": {"kind": "elbo"}, "training": {**ADAM, "learning_rate": 1e-3}},
        VAES,
    ),
    Model(
        "cvae",
        "Conditional variational autoencoder",
        "Sohn et al. 2015, arXiv 1903.12436",
        {
            "backbone": {"kind": "vae"},
            "loss": {"kind": "elbo"},
            "training": {**ADAM, "learning_rate": 1e-3},
            **PER_CLASS,
        },
        VAES,
    ),
    Model(
        "ddpm",
        "Diffusion: linear schedule, noise predicted, no classes",
        "arXiv 2006.11239",
        {"backbone": {"kind": "unet"}, "loss": {"kind": "epsilon", "schedule": "linear"}, "training": ADAM},
        UNETS,
        published="CIFAR-10 FID 3.17",
    ),
    Model(
        "cdm",
        "Class-conditional diffusion: cosine schedule, velocity, classifier-free guidance",
        "arXiv 2102.09672, 2202.00512, 2207.12598",
        {
            "backbone": {"kind": "unet"},
            "loss": {"kind": "v_prediction", "schedule": "cosine"},
            **PER_CLASS,
            "training": ADAM,
        },
        UNETS,
        published="CIFAR-10 FID 2.9 to 3.2 (unconditional)",
    ),
    Model(
        "edm",
        "EDM: preconditioned denoising, Heun sampler, class-conditional",
        "arXiv 2206.00364",
        {"backbone": {"kind": "unet"}, "loss": {"kind": "edm"}, **PER_CLASS, "training": ADAM},
        UNETS,
        published="CIFAR-10 conditional FID 1.79",
    ),
)


def find_model(name: str) -> Model:
    """A model by its name.

    Raises:
        ModelNotFoundError: nobody knows it.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise ModelNotFoundError(f"`model` must be one of {', '.join(m.name for m in MODELS)}, got {name}")


def preset(name: str, size: str = "small", changes: Sequence[str] = ()) -> ZooConfig:
    """The configuration of a model's preset with `part.field=value` changes.

    Raises:
        ModelNotFoundError: an unknown model.
        InputError: an unknown preset, or a change that is out of bounds.
        ComposeError: choices that cannot work together.
    """
    model = find_model(name)
    if size not in PRESETS:
        raise ModelNotFoundError(f"`preset` must be one of {', '.join(PRESETS)}, got {size}")
    values: dict[str, Any] = {}
    # budget, then what makes the model, then what the size changes
    for layer in ({"training": TRAIN[size]}, model.base, model.sizes[size]):
        for part, fields in layer.items():
            values[part] = {**values.get(part, {}), **fields}
    return build_config({"model": name, "preset": size, **changed(values, changes)})
