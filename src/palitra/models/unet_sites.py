"""Site names of diffusers U-Nets, read off the module names, never counted.

`down_blocks.0.attentions.1` is `down.0.attn.1`; inside it `transformer_blocks.0.attn1.to_q` is
`down.0.attn.1.block.0.self.q`. `self` and `cross` attention have the sites q, k, v (B, L, heads*d),
probs (B, heads, L, L'), attend (the attention itself, for taps that route it) and out (B, L, heads*d,
before the output projection). A residual block `up.1.res.1` also has the site `up.1.res.1.conv2`: what its
last convolution gives, before the skip is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

_RENAMES = (
    (r"^(down|up)_blocks\.", r"\1."),
    (r"^mid_block\b", "mid"),
    (r"\bresnets\.", "res."),
    (r"\battentions\.", "attn."),
    (r"\btransformer_blocks\.", "block."),
    (r"\battn1\b", "self"),
    (r"\battn2\b", "cross"),
    (r"\bdownsamplers\.0$", "downsample"),
    (r"\bupsamplers\.0$", "upsample"),
)
_SITE = re.compile(
    r"^(?:(?:down|up)\.\d+|mid)\."
    r"(?:res\.\d+(?:\.conv2)?|attn\.\d+|downsample|upsample|attn\.\d+\.block\.\d+\.(?:self|cross))$"
)
_STAGE = {"down": 0, "mid": 1, "up": 2}
ATTENTION_PARTS = ("q", "k", "v", "probs", "attend", "out")


@dataclass(frozen=True)
class Site:
    """A place in the network: its module, and which value of it is meant."""

    name: str
    module: nn.Module
    part: str
    """`output`, or one of q, k, v, probs, attend, out of an attention."""


def site_name(module_name: str) -> str:
    """The site name of a diffusers module name."""
    for pattern, replacement in _RENAMES:
        module_name = re.sub(pattern, replacement, module_name)
    return module_name


def find_sites(unet: nn.Module) -> dict[str, Site]:
    """All sites of a U-Net in the order of its forward pass."""
    sites: list[Site] = []
    for module_name, module in unet.named_modules():
        name = site_name(module_name)
        if not _SITE.match(name):
            continue
        if name.rsplit(".", 1)[-1] in ("self", "cross"):
            sites += [Site(f"{name}.{part}", module, part) for part in ATTENTION_PARTS]
        else:
            sites.append(Site(name, module, "output"))
    return {s.name: s for s in sorted(sites, key=lambda s: forward_order(s.name))}


def forward_order(name: str) -> tuple[int, int, int, int, tuple[int, int, int, int]]:
    """Sorts site names by when their value exists.

    In a block residual j comes before attention j, in the middle residual j+1 after attention j; the
    values inside an attention come before its block's output.
    """
    words = name.split(".")
    stage = _STAGE[words[0]]
    block = 0 if words[0] == "mid" else int(words[1])
    rest = words[1:] if words[0] == "mid" else words[2:]
    if rest[0] in ("downsample", "upsample"):
        return (stage, block, 10_000, 0, (0, 0, 0, 0))
    layer, kind = int(rest[1]), 0 if rest[0] == "res" else 1
    inner = (0, 0, 0, 0) if rest[-1] == "conv2" else (1, 0, 0, 0)
    if kind == 1 and len(rest) > 2:
        inner = (0, int(rest[3]), 0 if rest[4] == "self" else 1, ATTENTION_PARTS.index(rest[5]))
    return (stage, block, layer, kind, inner)


def side_share(site: str, sites: Iterable[str]) -> float:
    """The side of a site's feature maps as a share of the latent's, read off the names.

    A block of the way down gives its own size until its downsampling, whose output is half.
    """
    levels = 1 + max(int(s.split(".")[1]) for s in sites if s.startswith("down."))
    words = site.split(".")
    if words[0] == "mid":
        return 0.5 ** (levels - 1)
    level = int(words[1]) if words[0] == "down" else levels - 1 - int(words[1])
    if words[2] == "downsample":
        level += 1
    if words[2] == "upsample":
        level -= 1
    return float(0.5**level)
