"""Models in memory: loaded once, the least used given up when they take more than allowed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from palitra.errors import OutOfMemoryError
from palitra.service.workers.preview import Previewer
from palitra.studio import Studio, load


@dataclass(eq=False)
class Loaded:
    """A studio, its previews, and what it weighs."""

    studio: Studio
    previewer: Previewer
    size: int


class Models:
    """A cache of studios bounded by the bytes of their weights."""

    def __init__(
        self, most_bytes: int, device: str = "auto", loader: Callable[[str, str], Studio] = load
    ) -> None:
        self.most_bytes, self.device, self._loader = most_bytes, device, loader
        self._kept: OrderedDict[str, Loaded] = OrderedDict()

    def get(self, name: str) -> Loaded:
        """The model, from memory or loaded now.

        Raises:
            OutOfMemoryError: it alone is larger than all that is allowed.
            ModelNotFoundError, WeightsError: as `palitra.load`.
        """
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        studio = self._loader(name, self.device)
        size = weigh(studio)
        if size > self.most_bytes:
            raise OutOfMemoryError(
                f"`model` must fit into {self.most_bytes / 2**20:.0f} MiB, "
                f"got {name} of {size / 2**20:.0f} MiB"
            )
        while self._kept and self.total + size > self.most_bytes:
            self._kept.popitem(last=False)
        self._kept[name] = Loaded(studio, Previewer(studio.model), size)
        return self._kept[name]

    @property
    def total(self) -> int:
        """Bytes of all kept models."""
        return sum(each.size for each in self._kept.values())

    @property
    def names(self) -> list[str]:
        """Kept models, the least recently used first."""
        return list(self._kept)


def weigh(studio: Studio) -> int:
    """Bytes of a model's parameters."""
    model = studio.model
    networks: tuple[Any, ...] = (model.denoiser.unet, model.text_encoder, model.autoencoder)
    return sum(p.numel() * p.element_size() for network in networks for p in network.parameters())
