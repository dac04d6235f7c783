"""Edge predictors on disk: `config.json` beside `model.safetensors`."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from palitra.errors import WeightsError
from palitra.models.edge_predictor import EdgePredictor, EdgePredictorConfig
from palitra.models.weights import read_weights


def save_edge_predictor(folder: Path, predictor: EdgePredictor, line_width: float) -> None:
    """Write the predictor in bf16 with BatchNorm statistics in fp32."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        k: v.to(torch.bfloat16).contiguous() if v.ndim >= 2 else v.float().contiguous()
        for k, v in predictor.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    save_file(tensors, folder / "model.safetensors")
    config = {**predictor.config.to_dict(), "line_width": line_width}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_edge_predictor(folder: Path, device: torch.device | str = "cpu") -> tuple[EdgePredictor, float]:
    """Read a predictor, BatchNorm folded, in evaluation mode; and the line width it was trained with.

    Raises:
        WeightsError: missing, damaged or of another layout.
    """
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        line_width = float(values.pop("line_width"))
        predictor = EdgePredictor(EdgePredictorConfig.from_dict(values))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"`predictor` must be a folder with the config.json of an edge predictor, got {folder}"
        ) from error
    tensors = read_weights(folder / "model.safetensors").tensors()
    own = {k: v for k, v in predictor.state_dict().items() if not k.endswith("num_batches_tracked")}
    wrong = sorted(
        k
        for k in own.keys() | tensors.keys()
        if k not in own or k not in tensors or own[k].shape != tensors[k].shape
    )
    if wrong:
        raise WeightsError(
            f"`predictor` must match its config.json, but the tensor {wrong[0]} in {folder} does not"
        )
    predictor.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    return predictor.eval().fold().to(device), line_width
