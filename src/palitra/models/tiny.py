"""A tiny random Stable Diffusion in the exact published layout: for tests and first experiments.

Same folders, file names, block types and tensor names as SD 1.x, some 250 times smaller; what it draws
is noise. Loaders that read it read the real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palitra.core.schedule import Schedule
from palitra.models.clip_text import save_tokenizer, text_config
from palitra.models.text_to_image import public_config, write_json
from palitra.models.weights import save_weights

WORDS = ("photo", "of", "cat", "dog", "the", "red", "car", "oil", "painting", "house", "snow", "blurry")


def write_tiny_stable_diffusion(
    folder: Path | str,
    *,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    zero_terminal_snr: bool = False,
    seed: int = 0,
) -> Path:
    """Write model_index.json, unet/, vae/, text_encoder/, tokenizer/ and scheduler/; returns the folder.

    About 13 MB; pictures of 64 px from latents (4, 8, 8). `zero_terminal_snr` rescales the betas
    and spaces the steps "trailing" (arXiv 2305.08891). The same seed writes the same bytes.
    """
    root = Path(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = _tokenizer()
        text, unet, vae = _text_encoder(tokenizer), _unet(), _vae()
        for network in (text, unet, vae):
            _stir(network)
        if prediction_type == "epsilon":
            _fit_noise(unet)
    save_tokenizer(root / "tokenizer", tokenizer)
    tower = {f"text_model.{k.removeprefix('text_model.')}": v for k, v in text.state_dict().items()}
    save_weights(root / "text_encoder", "model", tower)
    write_json(root / "text_encoder" / "config.json", text_config(text))
    for name, network in (("unet", unet), ("vae", vae)):
        save_weights(root / name, "diffusion_pytorch_model", network.state_dict())
        config = {"_class_name": type(network).__name__, **public_config(network.config)}
        write_json(root / name / "config.json", config)
    write_json(root / "scheduler" / "scheduler_config.json", _scheduler(prediction_type, zero_terminal_snr))
    write_json(root / "model_index.json", _index())
    return root


def _tokenizer() -> Any:
    """Byte-level pieces in CLIP's order (bytes, bytes that end a word, merges, marks) for a few words."""
    from tokenizers import pre_tokenizers
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        for i in range(1, len(pieces)):
            merges.append(("".join(pieces[:i]), pieces[i]))
    merges = list(dict.fromkeys(merges))
    pieces = [*letters, *(f"{x}</w>" for x in letters), *(a + b for a, b in merges)]
    vocab = {p: i for i, p in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def _text_encoder(tokenizer: Any) -> Any:
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            projection_dim=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _unet() -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64, 64, 64),
        down_block_types=(*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
        layers_per_block=2,
        cross_attention_dim=32,
        # wide groups: two values a group at 1x1 cells would make the norm a jump
        norm_num_groups=8,
        attention_head_dim=4,
    )


def _vae() -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL(
        sample_size=64,
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        scaling_factor=0.18215,
    )


def _stir(network: nn.Module) -> None:
    """Move the norms off their start at 1 and 0, as training does, so that every weight matters."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "norm" in name:
                value.add_(0.2 * torch.randn(value.shape))


@torch.no_grad()
def _fit_noise(unet: Any) -> None:
    """Let the last convolution predict the noise of Gaussian data, sqrt(1 - abar) x_t, as well as it can.

    A random network would leave latents of size 1 / sqrt(abar_T), 15 times those of real models, and no
    digits for comparisons. The branches beside the skips are turned down; a fifth of the random convolution
    stays, so that the text still matters.
    """
    for name, value in unet.named_parameters():
        if ".conv2." in name or ".proj_out." in name:
            value.mul_(0.15)
    abar = Schedule.scaled_linear().abar.float()
    times = torch.arange(5, 1000, 10)
    x = torch.randn(len(times), unet.config.in_channels, 8, 8)
    features: list[Tensor] = []
    handle = unet.conv_out.register_forward_pre_hook(lambda _module, inputs: features.append(inputs[0]))
    unet(x, times, torch.randn(len(times), 77, unet.config.cross_attention_dim))
    handle.remove()
    a = F.unfold(features[0], 3, padding=1).transpose(1, 2).flatten(0, 1)
    y = ((1 - abar[times]).sqrt().view(-1, 1, 1, 1) * x).flatten(2).transpose(1, 2).flatten(0, 1)
    weight = torch.linalg.lstsq(a.double(), y.double()).solution.T.reshape(unet.conv_out.weight.shape)
    unet.conv_out.weight.mul_(0.2).add_(weight.float())
    unet.conv_out.bias.zero_()


def _scheduler(prediction_type: str, zero_terminal_snr: bool) -> dict[str, Any]:
    config = {
        "_class_name": "PNDMScheduler",
        "num_train_timesteps": 1000,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "prediction_type": prediction_type,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "trained_betas": None,
        "clip_sample": False,
    }
    if zero_terminal_snr:
        changes = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "set_alpha_to_one": True}
        config |= {"_class_name": "DDIMScheduler", **changes}
    return config


def _index() -> dict[str, Any]:
    return {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
