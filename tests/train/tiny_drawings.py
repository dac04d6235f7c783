"""A tiny model that predicts v with zero terminal SNR, and a made pack of drawings for it."""

import torch

from palitra.models.text_to_image import load_folder
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.train.drawing_pack import DrawingPack, pack_lines


def tiny_v_model(folder):
    """64 px, latents (4, 8, 8)."""
    return load_folder(
        write_tiny_stable_diffusion(folder, prediction_type="v_prediction", zero_terminal_snr=True)
    )


def made_pack(n=6, canvas=128) -> DrawingPack:
    """Random latents and lines; the last two are human."""
    g = torch.Generator().manual_seed(0)
    lines = pack_lines((torch.rand(n, 3, canvas, canvas, generator=g) < 0.02).numpy())
    concepts = torch.arange(n) % 8
    return DrawingPack(
        torch.randn(n, 2, 4, 8, 8, generator=g).bfloat16(),
        lines,
        torch.arange(n) >= n - 2,
        concepts,
        torch.randint(1, 3, (n, 2), generator=g),
        ("", "a photo of a cat", "the red car"),
        canvas,
    )
