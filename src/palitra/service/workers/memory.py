"""What a device has free and what a model and a batch need of it, compared before anything is tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from palitra.errors import OutOfMemoryError
from palitra.models.weights import find_weights
from palitra.recipes.generate import LARGEST_BATCH

SPARE: Final = 1.25
"""Over what is counted: allocators keep holes, and weights are read tensor by tensor."""
TEXT_FACTOR: Final = 42
SKETCH_FACTOR: Final = 120
"""Bytes of a row over those of one feature map per level and layer; measured on `mini`: 7 and 20 MB a row."""
DECODE_FACTOR: Final = 3
GROUPS: Final = Path("/sys/fs/cgroup")
MEMINFO: Final = Path("/proc/meminfo")
_PARTS = (
    ("unet", "diffusion_pytorch_model"),
    ("vae", "diffusion_pytorch_model"),
    ("text_encoder", "model"),
    ("autoencoder", "model"),
)
Free = Callable[[torch.device], int]


def free_bytes(device: torch.device) -> int:
    """What may still be taken on a device; for the CPU the smaller of the machine's and the container's."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # blocks that torch keeps for itself are free for us
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(machine_free(MEMINFO), group_free(GROUPS))


def machine_free(meminfo: Path) -> int:
    """`MemAvailable` of the machine; without such a file, more than anything needs."""
    try:
        lines = meminfo.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return 2**62


def group_free(groups: Path) -> int:
    """What the container's limit (cgroup v2 or v1) leaves; without a limit, more than anything needs."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, now = (int((groups / name).read_text()) for name in (limit, used))
            counts = ((groups / limit).parent / "memory.stat").read_text().split()
        except (OSError, ValueError):  # no such file, or "max"
            continue
        # pages of files that were read are given up when memory is needed
        return most - now + (int(counts[counts.index(cache) + 1]) if cache in counts else 0)
    return 2**62


def weight_bytes(folder: Path, dtype: torch.dtype) -> int:
    """Bytes of a model's weights once they are in memory in `dtype`, from the headers of its files."""
    numbers = 0
    for part, stem in _PARTS:
        if (folder / part).is_dir():
            for info in find_weights(folder / part, stem).infos.values():
                numbers += torch.Size(info.shape).numel()
    return numbers * dtype.itemsize


def row_bytes(model: Any, sketched: bool) -> int:
    """Estimate of what one picture of a batch takes beside the weights, with its guidance's two halves."""
    config = model.denoiser.unet.config
    side, cells = model.size // model.factor, 0
    layers = config.layers_per_block if isinstance(config.layers_per_block, int) else 2
    for level, width in enumerate(config.block_out_channels):
        cells += width * max(1, side >> level) ** 2
    drawing = cells * (2 * layers + 1) / 3 * (SKETCH_FACTOR if sketched else TEXT_FACTOR)
    code = getattr(model.autoencoder, "vae", None)
    widths = getattr(getattr(code, "config", None), "block_out_channels", None)
    decoding = DECODE_FACTOR * model.size**2 * 2 * widths[0] if widths else 0
    return int(max(drawing, decoding) * model.dtype.itemsize)


def rows_that_fit(row: int, free: int) -> int:
    """The largest batch of at most eight rows; 0 when not even one fits."""
    return min(LARGEST_BATCH, int(free / (SPARE * row)))


def check_fits(what: str, needed: float, free: int, device: torch.device) -> None:
    """Refuse what cannot fit.

    Raises:
        OutOfMemoryError: with both numbers.
    """
    if needed > free:
        raise OutOfMemoryError(
            f"{what} needs {needed / 1e9:.1f} GB, {device} has {max(0, free) / 1e9:.1f} GB free",
            ru=f"{what}: нужно {needed / 1e9:.1f} ГБ, на {device} свободно {max(0, free) / 1e9:.1f} ГБ",
        )
