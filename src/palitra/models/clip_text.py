"""CLIP text towers and their tokenizers, in the published folder layout.

Configs are read key by key: whatever else a downloaded config names (code, kernels, remote files) is
left alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from palitra.errors import WeightsError
from palitra.models.weights import NetworkWeights, build_network, find_weights, read_json, shown

_CONFIG_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "projection_dim",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "hidden_act",
    "layer_norm_eps",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
_KINDS = ("CLIPTextModel", "CLIPTextModelWithProjection")
_SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


def load_text_encoder(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Any, NetworkWeights]:
    """Read a `text_encoder/` folder as a frozen transformers `CLIPTextModel`.

    Tensor names with and without the `text_model.` prefix are understood.

    Raises:
        WeightsError: the folder holds no CLIP text tower in safetensors.
    """
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    config = read_json(folder / "config.json")
    kinds = config.get("architectures") or [_KINDS[0]]
    if kinds[0] not in _KINDS:
        raise WeightsError(f"`{shown(folder / 'config.json')}` must describe a CLIPTextModel, got {kinds[0]}")
    settings = _settings(folder / "config.json", config)
    weights = find_weights(folder, "model")
    model = build_network(
        lambda: CLIPTextModel(CLIPTextConfig(**settings)), weights, device, dtype, _tower_name
    )
    # not a weight, so it is not in the file
    positions = torch.arange(model.config.max_position_embeddings, device=device)
    model.embeddings.position_ids = positions[None]
    model.config.use_attention_mask = bool(config.get("use_attention_mask", False))
    return model, weights


def _settings(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The known keys that are set, each of its own kind."""
    settings = {key: config[key] for key in _CONFIG_KEYS if config.get(key) is not None}
    for key, value in settings.items():
        kind = {"hidden_act": str, "layer_norm_eps": float}.get(key, int)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise WeightsError(f"`{key}` in `{shown(path)}` must be of type {kind.__name__}, got {value!r}")
    return settings


def _tower_name(name: str) -> str | None:
    if name.endswith("position_ids") or name == "text_projection.weight":
        return None
    return name.removeprefix("text_model.")


def text_config(model: Any) -> dict[str, Any]:
    """The settings of a text tower as its config.json holds them."""
    settings = {key: getattr(model.config, key) for key in _CONFIG_KEYS}
    return {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", **settings}


def load_tokenizer(folder: Path) -> Any:
    """Read a `tokenizer/` folder (vocab.json and merges.txt, or tokenizer.json) as a `CLIPTokenizer`.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    vocab, merges = _read_bpe(folder)
    path = folder / "tokenizer_config.json"
    config = read_json(path) if path.is_file() else {}
    special = {key: _token_text(config[key]) for key in _SPECIAL if config.get(key)}
    unknown = [token for token in special.values() if token not in vocab]
    if unknown:
        raise WeightsError(
            f"`{shown(path)}` names the token {unknown[0]}, which the vocabulary does not hold"
        )
    length = config.get("model_max_length", 77)
    if isinstance(length, bool) or not isinstance(length, int) or not 3 <= length <= 4096:
        length = 77
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=length, **special)


def _read_bpe(folder: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    try:
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            vocab = read_json(folder / "vocab.json")
            lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
            # the first line is a version mark
            rows = [line.split() for line in lines if line and not line.startswith("#version")]
        elif (folder / "tokenizer.json").is_file():
            model = read_json(folder / "tokenizer.json")["model"]
            vocab = model["vocab"]
            rows = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        else:
            raise WeightsError(f"`tokenizer` must hold vocab.json and merges.txt, and {folder} does not")
        merges = [(str(a), str(b)) for a, b in rows]
        return {str(k): int(v) for k, v in vocab.items()}, merges
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"`tokenizer` in {folder.parent} is damaged: get its files again") from error


def _token_text(value: Any) -> str:
    return str(value["content"] if isinstance(value, dict) else value)


def save_tokenizer(folder: Path, tokenizer: Any) -> None:
    """Write vocab.json, merges.txt and the settings, as published models have them."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    special = {key: str(getattr(tokenizer, key)) for key in _SPECIAL}
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": tokenizer.model_max_length, **special}
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "vocab.json": json.dumps(model["vocab"], ensure_ascii=False),
        "merges.txt": "\n".join(["#version: 0.2", *merges]) + "\n",
        "tokenizer_config.json": json.dumps(settings, indent=2) + "\n",
        "special_tokens_map.json": json.dumps(special, indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
