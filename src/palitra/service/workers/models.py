"""Models in memory: loaded once, the least used given up when they take more than allowed."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from palitra.errors import InputError, OutOfMemoryError
from palitra.models.device import choose_device, choose_dtype
from palitra.models.zoo import resolve
from palitra.recipes.class_conditional import ClassGenerator, load_classes
from palitra.recipes.generate import LARGEST_BATCH
from palitra.service.workers.memory import (
    SPARE,
    Free,
    check_fits,
    free_bytes,
    row_bytes,
    rows_that_fit,
    weight_bytes,
)
from palitra.service.workers.preview import Previewer
from palitra.studio import Studio, load
from palitra.zoo.embedded import ClassModel


@dataclass(eq=False)
class Loaded:
    """A studio, its previews, what it weighs, and bytes a row as measured on a GPU by what was drawn."""

    studio: Studio
    previewer: Previewer
    size: int
    measured: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LoadedClasses:
    """A class model and what it weighs."""

    generator: ClassGenerator
    size: int


class Models:
    """A cache of studios and class models, bounded by their bytes and by what their device has free."""

    def __init__(
        self,
        most_bytes: int,
        device: str = "auto",
        loader: Callable[[str, str], Studio] = load,
        free: Free = free_bytes,
    ) -> None:
        self.most_bytes, self.device, self._loader, self._free = most_bytes, device, loader, free
        self._kept: OrderedDict[str, Loaded | LoadedClasses] = OrderedDict()

    def get(self, name: str) -> Loaded:
        """The model, from memory or loaded now; the least used go to make room.

        Raises:
            OutOfMemoryError: it alone is larger than all that is allowed, or than the device has free.
            ModelNotFoundError, WeightsError: as `palitra.load`.
        """
        kept = self._kept.get(name)
        if isinstance(kept, Loaded):
            self._kept.move_to_end(name)
            return kept
        self._make_room(name)
        studio = self._loader(name, self.device)
        size = weigh(studio)
        fresh = Loaded(studio, Previewer(studio.model), size)
        self._keep(name, fresh)
        return fresh

    def classes(self, about: ClassModel) -> ClassGenerator:
        """The class model, from memory or loaded now.

        Raises:
            OutOfMemoryError: it alone is larger than all that is allowed, or than the device has free.
            WeightsError: damaged weights.
        """
        key = f"classes/{about.name}"
        kept = self._kept.get(key)
        if isinstance(kept, LoadedClasses):
            self._kept.move_to_end(key)
            return kept.generator
        device = choose_device(self.device)
        size = 2 * about.size  # in memory numbers of two bytes take four
        while SPARE * size > self._free(device) and self._let_go():
            pass
        check_fits(f"`model` {about.name}", SPARE * size, self._free(device), device)
        generator = load_classes(about, self.device)
        self._keep(key, LoadedClasses(generator, generator.weigh()))
        return generator

    def _keep(self, name: str, fresh: Loaded | LoadedClasses) -> None:
        self._check_allowed(name, fresh.size)
        while self._kept and self.total + fresh.size > self.most_bytes:
            self._let_go()
        self._kept[name] = fresh

    def rows(self, loaded: Loaded, guided: bool, what: str) -> int:
        """How many pictures of this model may be drawn at once; other models go when not all fit.

        guided: gradients are needed, as for sketches. what: whose measurement counts, such as "sketch".

        Raises:
            OutOfMemoryError: not even one fits beside this model alone.
        """
        model = loaded.studio.model
        row = loaded.measured.get(what) or row_bytes(model, guided)
        fitting = rows_that_fit(row, self._free(model.device))
        while fitting < LARGEST_BATCH and self._let_go(but=loaded):
            fitting = rows_that_fit(row, self._free(model.device))
        if not fitting:
            one = f"`n` 1 × `size` {model.size} of {model.name}"
            check_fits(one, SPARE * row, self._free(model.device), model.device)
        return max(1, fitting)

    def let_others_go(self, loaded: Loaded) -> None:
        """Give up every model but this one."""
        while self._let_go(but=loaded):
            pass

    def _make_room(self, name: str) -> None:
        """Let models go until the named one fits, by its files; what has no such files is simply tried."""
        try:
            device = choose_device(self.device)
            size = weight_bytes(resolve(name), choose_dtype(device))
        except InputError:
            return  # the loader says it better
        self._check_allowed(name, size)
        while SPARE * size > self._free(device) and self._let_go():
            pass
        check_fits(f"`model` {name}", SPARE * size, self._free(device), device)

    def _check_allowed(self, name: str, size: int) -> None:
        if size > self.most_bytes:
            raise OutOfMemoryError(
                f"`model` must fit into {self.most_bytes / 2**20:.0f} MiB, "
                f"got {name} of {size / 2**20:.0f} MiB"
            )

    def _let_go(self, but: Loaded | None = None) -> bool:
        """Give up the least recently used model; False when there is none."""
        for name, loaded in self._kept.items():
            if loaded is not but:
                del self._kept[name]
                gc.collect()  # modules hold cycles: without it the memory stays taken
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                return True
        return False

    @property
    def total(self) -> int:
        """Bytes of all kept models."""
        return sum(each.size for each in self._kept.values())

    @property
    def names(self) -> list[str]:
        """Kept models, the least recently used first."""
        return list(self._kept)


@contextmanager
def measured(loaded: Loaded, what: str, rows: int) -> Iterator[None]:
    """Keep what a row really took on a GPU: from then on the plan uses it instead of its estimate."""
    device = loaded.studio.model.device
    if device.type != "cuda":
        yield
        return
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    yield
    took = (torch.cuda.max_memory_allocated(device) - before) // max(1, rows)
    loaded.measured[what] = max(loaded.measured.get(what, 0), took)


def weigh(studio: Studio) -> int:
    """Bytes of a model's parameters."""
    model = studio.model
    autoencoder: Any = getattr(model.autoencoder, "vae", model.autoencoder)
    networks: tuple[Any, ...] = (model.denoiser.unet, model.text_encoder, autoencoder)
    return sum(p.numel() * p.element_size() for network in networks for p in network.parameters())
