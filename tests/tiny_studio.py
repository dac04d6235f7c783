"""A tiny random model with a tiny random edge predictor, on disk, as users' own models are."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw

from palitra.models.edge_predictor import EdgePredictor
from palitra.models.edge_predictor_files import save_edge_predictor
from palitra.models.text_to_image import load_folder
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.train.sketch import predictor_config


def write_tiny_studio(folder: Path) -> tuple[Path, Path]:
    """The model's folder and its predictor's."""
    model = write_tiny_stable_diffusion(folder / "model")
    torch.manual_seed(0)
    predictor = EdgePredictor(predictor_config(load_folder(model), tap_norm=True))
    save_edge_predictor(folder / "predictor", predictor, line_width=1.25)
    return model, folder / "predictor"


def drawing(size: int = 128) -> Image.Image:
    """A circle and a stroke in black on white."""
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    pen.ellipse((size * 0.2, size * 0.2, size * 0.8, size * 0.8), outline="black", width=3)
    pen.line((size * 0.1, size * 0.9, size * 0.9, size * 0.85), fill="black", width=3)
    return image
