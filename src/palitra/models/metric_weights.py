"""Published weights that metrics run on: whose they are, and by which hash they are known.

Hashes are those of the published files; where none is known for certain there is none here. Every result
names the hash of the weights it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass

from palitra.models.hub import HubFile


@dataclass(frozen=True)
class Published:
    """A pickled file as its authors hand it out."""

    name: str
    sha256: str | None = None
    bytes: int = 0


@dataclass(frozen=True)
class OnHub:
    """Files of a hub repository in safetensors, at a commit or known by their hashes."""

    hub_id: str
    files: tuple[HubFile, ...]
    revision: str | None = None


@dataclass(frozen=True)
class MetricWeights:
    """Weights with a short name; a folder where the network comes from its config, else one file.

    `origin` says in words where they are published; `pickled` are files to convert, together.
    """

    name: str
    title: str
    licence: str
    megabytes: int
    origin: str
    pickled: tuple[Published, ...] = ()
    hub: OnHub | None = None
    folder: bool = False


TEXTS = ("config.json", "preprocessor_config.json")
_TOKENS = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json")
_LPIPS = "the weights folder v0.1 of the LPIPS project"
_TORCH = "torchvision's model downloads"
METRIC_WEIGHTS = (
    MetricWeights(
        "inception",
        "Inception of the published FID and IS (2015-12-05), PyTorch port",
        "Apache-2.0",
        96,
        "the release fid_weights of pytorch-fid, and that of torch-fidelity",
        (
            Published(
                "pt_inception-2015-12-05-6726825d.pth",
                "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                95_628_359,
            ),
        ),
        # another's conversion of that file
        OnHub(
            "nikhilr01/sen-bridge-weights",
            (
                HubFile(
                    "fid_inception.safetensors",
                    0,
                    "b7a528bf4051f62c057bc14657865abf180a23eb1748d00ff0933d84698202ed",
                ),
            ),
        ),
    ),
    MetricWeights(
        "vgg16",
        "VGG16 of torchvision, trained on ImageNet",
        "BSD-3-Clause",
        553,
        _TORCH,
        (
            Published(
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                553_433_881,
            ),
        ),
        OnHub(
            "timm/vgg16.tv_in1k",
            (
                HubFile(
                    "model.safetensors",
                    0,
                    "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
                ),
            ),
            "3394518cba29aee1ea82a49d971be90d2dd1dab7",
        ),
    ),
    MetricWeights(
        "lpips-alex",
        "LPIPS 0.1 on AlexNet, for measuring",
        "BSD-2-Clause (LPIPS), BSD-3-Clause (AlexNet)",
        244,
        f"{_TORCH} and {_LPIPS}",
        (
            Published(
                "alexnet-owt-7be5be79.pth", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
            ),
            Published("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 6_009),
        ),
    ),
    MetricWeights(
        "lpips-vgg",
        "LPIPS 0.1 on VGG16, as a loss",
        "BSD-2-Clause (LPIPS), BSD-3-Clause (VGG16)",
        553,
        f"{_TORCH} and {_LPIPS}",
        (
            Published(
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                553_433_881,
            ),
            Published("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
        ),
    ),
    MetricWeights(
        "dino-vitb8",
        "DINO ViT-B/8, for the structure distance",
        "Apache-2.0",
        343,
        "the hub repository facebook/dino-vitb8",
        folder=True,
    ),
    MetricWeights(
        "facenet",
        "FaceNet (Inception-ResNet v1) trained on VGGFace2",
        "MIT",
        112,
        "the releases of facenet-pytorch",
        (Published("20180402-114759-vggface2.pt"),),
        OnHub(
            "py-feat/facenet",
            (
                HubFile(
                    "model.safetensors",
                    111_831_500,
                    "060b24840d57519af854efb1c1d86f110842a1312220afbde4aebb0df1448c9d",
                ),
            ),
            "e2b51c6f01b706e9deceb4608b269d751219604d",
        ),
    ),
    MetricWeights(
        "arcface",
        "ArcFace backbone (iresnet)",
        "most published ones for research only",
        166,
        "the model zoo of InsightFace's arcface_torch",
        (Published("backbone.pth"),),
    ),
    MetricWeights(
        "dinov2",
        "DINOv2 large",
        "Apache-2.0",
        1218,
        "its repository on the hub",
        hub=OnHub(
            "facebook/dinov2-large",
            tuple(HubFile(n, 0) for n in (*TEXTS, "model.safetensors")),
            "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        ),
        folder=True,
    ),
    MetricWeights(
        "clip",
        "CLIP ViT-L/14",
        "MIT",
        1711,
        "its repository on the hub",
        hub=OnHub(
            "openai/clip-vit-large-patch14",
            tuple(HubFile(n, 0) for n in (*TEXTS, *_TOKENS, "model.safetensors")),
            "32bd64288804d66eefd0ccbe215aa642df71cc41",
        ),
        folder=True,
    ),
    MetricWeights(
        "clip-b32",
        "CLIP ViT-B/32",
        "MIT",
        605,
        "the hub repository openai/clip-vit-base-patch32",
        folder=True,
    ),
)
NAMES = tuple(weights.name for weights in METRIC_WEIGHTS)


def find_metric_weights(name: str) -> MetricWeights | None:
    """The weights of that name."""
    return next((w for w in METRIC_WEIGHTS if w.name == name), None)
