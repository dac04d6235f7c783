"""A text-to-image model as one value, read from and written to a folder in the diffusers layout."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palitra.core.preconditioning import Preconditioning
from palitra.core.schedule import Schedule, Spacing
from palitra.errors import DiskError, ModelNotFoundError, WeightsError
from palitra.models.autoencoder import (
    Autoencoder,
    KLAutoencoder,
    load_kl_autoencoder,
    load_patch_autoencoder,
)
from palitra.models.clip_text import load_text_encoder, load_tokenizer, save_tokenizer, text_config
from palitra.models.device import choose_device, choose_dtype
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.models.scheduler_config import MINI_SCHEDULER, read_sampling
from palitra.models.weights import NetworkWeights, build_network, find_weights, read_json, save_weights

_UNET_STEM = "diffusion_pytorch_model"
# features of other families; an SD 1.x or 2.x U-Net has none of them
_FOREIGN_KEYS = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim")


@dataclass(frozen=True, eq=False)
class TextToImage:
    """Everything that turns a prompt into a picture, frozen and in evaluation mode.

    `size`: the pixels a side it was trained at; heights and widths must be multiples of `factor`.
    `fingerprint`: 12 hex digits that change with the weights. `prompt_scale`: the guidance scale it
    looks best at, from `model_index.json`, else 7.5. `words_gain`: by what share that scale grows per
    unit of a sketch's pull, from the same file, else 0.
    """

    name: str
    denoiser: DiffusersUNet
    autoencoder: Autoencoder
    text_encoder: Any
    tokenizer: Any
    schedule: Schedule
    spacing: Spacing
    steps_offset: int
    fingerprint: str
    device: torch.device
    dtype: torch.dtype
    size: int
    factor: int
    prompt_scale: float = 7.5
    words_gain: float = 0.0

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.autoencoder.channels

    @property
    def extra_channels(self) -> int:
        """Input channels beyond the latent, 0 for plain models (an inpainting U-Net has 5)."""
        return int(self.denoiser.unet.config.in_channels) - self.latent_channels

    def times(self, count: int) -> list[int]:
        """The times of `count` steps as the model's own scheduler spaces them, then -1."""
        return self.schedule.times(count, self.spacing, self.steps_offset)


def load_folder(
    path: Path | str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    name: str | None = None,
) -> TextToImage:
    """Read a model folder: unet/, text_encoder/, tokenizer/, scheduler/, and vae/ or autoencoder/.

    Stable Diffusion 1.x and 2.x and what is tuned from them; only safetensors are opened. `dtype` is
    what suits the device (float32 on a CPU) unless given. `name` is the folder's own unless given.

    Raises:
        InputError: the device does not exist here.
        ModelNotFoundError: there is no such folder, or it is no model.
        WeightsError: a part is missing, pickled, damaged, or of another layout.
    """
    folder, on = Path(path), choose_device(str(device))
    _check_folder(folder)
    with _collector_paused():
        return _load(folder, on, dtype or choose_dtype(on), name or folder.resolve().name)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Importing and building makes a million lasting objects; walking them again and again costs a fifth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _load(folder: Path, on: torch.device, dtype: torch.dtype, name: str) -> TextToImage:
    sampling = read_sampling(folder / "scheduler" / "scheduler_config.json")
    unet, unet_weights = load_unet(folder / "unet", on, dtype)
    text_encoder, text_weights = load_text_encoder(folder / "text_encoder", on, dtype)
    tokenizer = load_tokenizer(folder / "tokenizer")
    autoencoder: Autoencoder
    if (folder / "autoencoder").is_dir():
        autoencoder, code_weights = load_patch_autoencoder(folder / "autoencoder", on)
    else:
        autoencoder, code_weights = load_kl_autoencoder(folder / "vae", on, dtype)
    _check_fit(unet, text_encoder, tokenizer, autoencoder)
    cells = unet.config.sample_size
    variances = latent_variances(folder, autoencoder.channels)
    if variances and sampling.parametrisation != "v_prediction":
        raise WeightsError(
            f"`latent_variances` of model_index.json go with v_prediction, got {sampling.parametrisation}"
        )
    known = Preconditioning(torch.tensor(variances), sampling.schedule.abar.float()) if variances else None
    return TextToImage(
        name=name,
        denoiser=DiffusersUNet(unet, sampling.parametrisation, sampling.schedule, known),
        autoencoder=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        schedule=sampling.schedule,
        spacing=sampling.spacing,
        steps_offset=sampling.steps_offset,
        fingerprint=_fingerprint(variances, unet_weights, text_weights, code_weights),
        device=on,
        dtype=dtype,
        size=(cells if isinstance(cells, int) else 64 if not cells else max(cells)) * autoencoder.factor,
        factor=autoencoder.factor,
        prompt_scale=_stated(folder / "model_index.json", "prompt_scale", 7.5),
        words_gain=_stated(folder / "model_index.json", "words_gain", 0.0),
    )


def _stated(index: Path, name: str, otherwise: float) -> float:
    """A number that a model states in its index; published models state none."""
    value = read_json(index).get(name, otherwise) if index.is_file() else otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise WeightsError(f"`{name}` of model_index.json must be in [0, 100], got {value!r}")
    return float(value)


def latent_variances(folder: Path, channels: int) -> tuple[float, ...]:
    """The variance of each latent channel that a model learned with, from its `model_index.json`; else ().

    Raises:
        WeightsError: they are no positive numbers, or not one for each channel.
    """
    index = folder / "model_index.json"
    told = read_json(index).get("latent_variances") if index.is_file() else None
    if told is None:
        return ()
    numbers = isinstance(told, list) and all(type(v) in (int, float) and 0 < v < 1e6 for v in told)
    if not numbers or len(told) != channels:
        raise WeightsError(
            f"`latent_variances` of model_index.json must be {channels} numbers above 0, got {str(told)[:60]}"
        )
    return tuple(map(float, told))


def load_unet(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Any, NetworkWeights]:
    """Read a `unet/` folder as a frozen diffusers `UNet2DConditionModel`.

    Raises:
        WeightsError: the folder holds another network, or none in safetensors.
    """
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    config = read_json(folder / "config.json")
    kind = config.get("_class_name", "UNet2DConditionModel")
    if kind != "UNet2DConditionModel":
        raise WeightsError(f"`unet/config.json` must describe a UNet2DConditionModel, got {kind}")
    for key in _FOREIGN_KEYS:
        if config.get(key) is not None:
            raise WeightsError(
                f"`unet/config.json` must describe a U-Net of Stable Diffusion 1.x or 2.x, got one with {key}"
            )
    weights = find_weights(folder, _UNET_STEM)
    settings = {k: v for k, v in config.items() if not k.startswith("_")}
    unet = build_network(lambda: UNet2DConditionModel.from_config(settings), weights, device, dtype)
    return unet, weights


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelNotFoundError(f"`model` must be a folder in the diffusers layout, got {folder}")
    missing = [p for p in ("unet", "text_encoder", "tokenizer", "scheduler") if not (folder / p).is_dir()]
    if missing == ["unet", "text_encoder", "tokenizer", "scheduler"]:
        raise ModelNotFoundError(f"`model` must be a folder with unet/ and text_encoder/ in it, got {folder}")
    if (folder / "text_encoder_2").is_dir():
        raise WeightsError(
            "`model` must be Stable Diffusion 1.x or 2.x, got one with two text encoders (SDXL)"
        )
    if not (folder / "vae").is_dir() and not (folder / "autoencoder").is_dir():
        missing.append("vae")
    if missing:
        raise WeightsError(f"`model` must hold the folder {missing[0]}/, and {folder} does not")


def _check_fit(unet: Any, text_encoder: Any, tokenizer: Any, autoencoder: Autoencoder) -> None:
    """Parts that load on their own may still not fit each other."""
    if unet.config.out_channels != autoencoder.channels or unet.config.in_channels < autoencoder.channels:
        raise WeightsError(
            f"`unet` must work on the autoencoder's {autoencoder.channels} channels, "
            f"got {unet.config.in_channels} in and {unet.config.out_channels} out"
        )
    width = text_encoder.config.hidden_size
    if unet.config.cross_attention_dim != width:
        raise WeightsError(
            f"`unet` must read text states of width {width}, got {unet.config.cross_attention_dim}"
        )
    if len(tokenizer) > text_encoder.config.vocab_size:
        raise WeightsError(
            f"`tokenizer` must have at most {text_encoder.config.vocab_size} tokens, as its text encoder, "
            f"got {len(tokenizer)}"
        )
    if tokenizer.model_max_length > text_encoder.config.max_position_embeddings:
        tokenizer.model_max_length = text_encoder.config.max_position_embeddings


def _fingerprint(variances: tuple[float, ...], *parts: NetworkWeights) -> str:
    told = [str(variances)] * bool(variances)
    return hashlib.sha256(" ".join([*(p.fingerprint() for p in parts), *told]).encode()).hexdigest()[:12]


def save_mini(
    folder: Path,
    unet: Any,
    text_encoder: Any,
    tokenizer: Any,
    autoencoder: Autoencoder,
    scheduler_config: Mapping[str, Any] = MINI_SCHEDULER,
    dtype: torch.dtype = torch.bfloat16,
    prompt_scale: float = 4.0,
    words_gain: float = 0.3,
    variances: Sequence[float] = (),
) -> None:
    """Write a trained mini as a folder that `load_folder` reads, in shards of at most 15 MB.

    Networks are stored in `dtype`, the patch code in float32 (it is small, and its codes are the ground
    everything stands on), a KL autoencoder in its own `vae/`. unet/ and text_encoder/ open in diffusers and
    transformers too. `variances` of the latent channels are those the U-Net learned with, if it did.

    Raises:
        DiskError: the folder cannot be written.
    """
    save_weights(folder / "unet", _UNET_STEM, _cast(unet.state_dict(), dtype))
    tower = {f"text_model.{k.removeprefix('text_model.')}": v for k, v in text_encoder.state_dict().items()}
    save_weights(folder / "text_encoder", "model", _cast(tower, dtype))
    code = "vae" if isinstance(autoencoder, KLAutoencoder) else "autoencoder"
    if isinstance(autoencoder, KLAutoencoder):
        save_kl_autoencoder(folder / code, autoencoder)
    elif isinstance(autoencoder, PatchAutoencoder):
        save_weights(folder / code, "model", autoencoder.state_dict())
        write_json(folder / code / "config.json", autoencoder.config.to_dict())
    unet_config = {"_class_name": "UNet2DConditionModel", **public_config(unet.config)}
    parts = ["unet", "text_encoder", "tokenizer", code, "scheduler"]
    scales = {"prompt_scale": prompt_scale, "words_gain": words_gain}
    index = {"_class_name": "TextToImage", "parts": parts, **scales}
    if variances:
        index["latent_variances"] = list(variances)
    try:
        write_json(folder / "unet" / "config.json", unet_config)
        write_json(folder / "text_encoder" / "config.json", text_config(text_encoder))
        write_json(folder / "scheduler" / "scheduler_config.json", dict(scheduler_config))
        write_json(folder / "model_index.json", index)
        save_tokenizer(folder / "tokenizer", tokenizer)
    except OSError as error:
        raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error


def save_kl_autoencoder(folder: Path, code: KLAutoencoder, dtype: torch.dtype = torch.float32) -> None:
    """Write a `vae/` folder that `load_kl_autoencoder` and diffusers read.

    Raises:
        DiskError: the folder cannot be written.
    """
    save_weights(folder, _UNET_STEM, _cast(code.vae.state_dict(), dtype))
    try:
        write_json(folder / "config.json", {"_class_name": "AutoencoderKL", **public_config(code.vae.config)})
    except OSError as error:
        raise DiskError(f"`{folder}` cannot be written: {error.strerror or error}") from error


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a diffusers network without what names the machine or library that made it."""
    return {k: v for k, v in dict(config).items() if not k.startswith("_")}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an indented JSON file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _cast(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in tensors.items()}
