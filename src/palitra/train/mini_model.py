"""The shape of mini: a Stable-Diffusion-shaped U-Net and a CLIP text tower from one config."""

from __future__ import annotations

from typing import Any

import torch

from palitra.train.config import MiniConfig


def build_unet(config: MiniConfig) -> Any:
    """A fresh diffusers `UNet2DConditionModel`; its output convolution starts at zero."""
    from diffusers import UNet2DConditionModel

    down = tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attention)
    up = tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attention))
    unet = UNet2DConditionModel(
        sample_size=config.size // config.factor,
        in_channels=config.latent_channels,
        out_channels=config.latent_channels,
        block_out_channels=config.channels,
        down_block_types=down,
        up_block_types=up,
        layers_per_block=config.layers_per_block,
        cross_attention_dim=config.text_width,
        # the name is the library's; the value is the number of heads
        attention_head_dim=tuple(c // config.head_dim for c in config.channels),
    )
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet


def build_text_encoder(config: MiniConfig, tokenizer: Any) -> Any:
    """A fresh `CLIPTextModel` for the tokenizer."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.text_width,
            intermediate_size=4 * config.text_width,
            num_hidden_layers=config.text_layers,
            num_attention_heads=config.text_width // config.head_dim,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
