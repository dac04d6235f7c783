"""Sketch adapters on disk: `config.json` beside `model.safetensors` in bf16."""

from __future__ import annotations

from pathlib import Path

import torch

from palitra.core.condition import Condition
from palitra.errors import WeightsError
from palitra.models.sketch_adapter import SketchAdapter, SketchAdapterConfig, encoder_sites
from palitra.models.text_to_image import TextToImage, write_json
from palitra.models.weights import build_network, find_weights, read_json, save_weights


@torch.no_grad()
def adapter_config(model: TextToImage) -> SketchAdapterConfig:
    """The adapter that fits a model: sites and widths are read off one small forward pass."""
    sites = encoder_sites(model.denoiser.sites)
    side = model.size // model.factor
    x = torch.zeros(1, model.autoencoder.channels, side, side, device=model.device)
    words = torch.zeros(1, 1, int(model.text_encoder.config.hidden_size), device=model.device)
    features = model.denoiser.features(x, 0, Condition(words), sites)
    channels = tuple(f.shape[1] for f in features)
    # two thirds of the U-Net's own widths: 1.3 M parameters for mini
    widths = tuple(max(8, c * 2 // 3 // 8 * 8) for c in channels)
    return SketchAdapterConfig(sites, channels, model.factor, widths)


def save_sketch_adapter(folder: Path, adapter: SketchAdapter, line_width: float, fingerprint: str) -> None:
    """Write weights in bf16 and the config.

    `line_width` is that of its drawings at the model's size, `fingerprint` the model's it was trained for.

    Raises:
        DiskError: the files cannot be written.
    """
    save_weights(folder, "model", {k: v.to(torch.bfloat16) for k, v in adapter.state_dict().items()})
    stated = {**adapter.config.to_dict(), "line_width": line_width, "fingerprint": fingerprint}
    write_json(folder / "config.json", stated)


def load_sketch_adapter(folder: Path, model: TextToImage) -> tuple[SketchAdapter, float]:
    """The adapter in float32 on the model's device, frozen; and the line width it was trained with.

    Raises:
        WeightsError: missing, damaged, of another layout, or trained for other weights of the model.
    """
    values = read_json(folder / "config.json")
    try:
        line_width, fingerprint = float(values.pop("line_width")), str(values.pop("fingerprint"))
        config = SketchAdapterConfig.from_dict(values)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"`{folder}` must hold the config.json of a sketch adapter") from error
    if fingerprint != model.fingerprint:
        raise WeightsError(
            f"`adapter` in {folder} was trained for weights {fingerprint} of `{model.name}`, "
            f"these are {model.fingerprint}: run `palitra train sketch-adapter` again"
        )
    weights = find_weights(folder, "model")
    return build_network(lambda: SketchAdapter(config), weights, model.device, torch.float32), line_width
