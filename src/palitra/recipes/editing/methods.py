"""Methods of editing by the names users know."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from palitra.recipes.editing.ddim import ddim
from palitra.recipes.editing.direct_inversion import direct_inversion
from palitra.recipes.editing.edict import edict
from palitra.recipes.editing.edit_friendly import edit_friendly
from palitra.recipes.editing.guide_and_rescale import guide_and_rescale
from palitra.recipes.editing.instruct_pix2pix import instruct_pix2pix
from palitra.recipes.editing.job import EditJob
from palitra.recipes.editing.ledits import ledits
from palitra.recipes.editing.masactrl import masactrl
from palitra.recipes.editing.negative_prompt_inversion import negative_prompt_inversion
from palitra.recipes.editing.null_text import null_text
from palitra.recipes.editing.plug_and_play import plug_and_play
from palitra.recipes.editing.proximal import proximal
from palitra.recipes.editing.proximal_masactrl import proximal_masactrl
from palitra.recipes.editing.sdedit import sdedit

Method = Callable[[EditJob], Tensor]
"""Gives the edited latents (B, C, h, w) of a job."""

METHODS: dict[str, Method] = {
    "guide-and-rescale": guide_and_rescale,
    "negative-prompt-inversion": negative_prompt_inversion,
    "null-text": null_text,
    "direct-inversion": direct_inversion,
    "proximal": proximal,
    "masactrl": masactrl,
    "proximal-masactrl": proximal_masactrl,
    "plug-and-play": plug_and_play,
    "edict": edict,
    "edit-friendly": edit_friendly,
    "ledits++": ledits,
    "instruct-pix2pix": instruct_pix2pix,
    "sdedit": sdedit,
    "ddim": ddim,
}

THRIFT: dict[str, tuple[str, ...]] = {
    "guide-and-rescale": ("memory_saved", "layers_left_out"),
    "null-text": ("memory_saved",),
}
"""Methods that differentiate the network, and the notes of the thriftier ways they know to do it."""
