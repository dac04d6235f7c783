"""Where a model runs and in which number format."""

from __future__ import annotations

import torch

from palitra.errors import InputError


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: the device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"`device` must be auto, cpu, or a device of this machine, got {name}") from error
    return device


def live_dtype(device: torch.device) -> torch.dtype:
    """The quickest format for networks without gradients, where a digit less does no harm.

    bf16 on CPUs that multiply it in hardware (mini's U-Net takes 12.6 ms instead of 21.6 ms there), elsewhere
    as `choose_dtype`.
    """
    if device.type != "cpu":
        return choose_dtype(device)
    can: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else torch.float32


def choose_dtype(device: torch.device) -> torch.dtype:
    """bf16 on CUDA cards that have it (fp16 gradients underflow), else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32
