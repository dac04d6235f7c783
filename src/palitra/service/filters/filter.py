"""The protocols of filters, and how an operator's choice of them is opened.

A filter is a Python entry point of the group `palitra.filters`: a callable that takes the settings and
returns an object with `refuses_prompt`, `refuses_image` or both. It is opened in the API's process and in
every worker, so what is heavy is imported when it is first asked. A filter that fails refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from palitra.errors import ContentRefusedError, InputError, ServiceError
from palitra.service.filters.words import WordFilter
from palitra.service.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

LOG = logging.getLogger("palitra.filters")
GROUP: Final = "palitra.filters"


@runtime_checkable
class PromptFilter(Protocol):
    """Asked before a job is accepted."""

    def refuses_prompt(self, prompt: str) -> bool:
        """Whether nothing may be drawn from these words."""
        ...


@runtime_checkable
class ImageFilter(Protocol):
    """Asked after a picture is drawn and before anybody sees it; there are no previews then."""

    def refuses_image(self, image: Image.Image, prompt: str) -> bool:
        """Whether the picture must not be shown."""
        ...


SHIPPED: Final[dict[str, Callable[[Settings], object]]] = {"words": WordFilter.of}


@dataclass(frozen=True)
class Filters:
    """The filters of one process."""

    prompts: Sequence[PromptFilter] = ()
    images: Sequence[ImageFilter] = ()

    @classmethod
    def open(cls, settings: Settings) -> Filters:
        """The filters that the settings name.

        Raises:
            InputError: an unknown name, or something that filters nothing.
        """
        opened = [_open(name, settings) for name in settings.filters]
        prompts = [each for each in opened if isinstance(each, PromptFilter)]
        return cls(prompts, [each for each in opened if isinstance(each, ImageFilter)])

    def check_prompt(self, prompt: str) -> None:
        """Let a prompt pass.

        Raises:
            ContentRefusedError: a filter refuses it; it is not told why.
            ServiceError: a filter failed, so nobody knows.
        """
        try:
            refused = any(each.refuses_prompt(prompt) for each in self.prompts)
        except Exception as error:
            LOG.exception("a prompt filter failed")
            raise ServiceError("`prompt` could not be checked: try again later") from error
        if refused:
            raise ContentRefusedError("`prompt` must be about something that may be drawn here")

    def check_image(self, image: Image.Image, prompt: str) -> None:
        """Let a picture pass.

        Raises:
            ContentRefusedError: a filter refuses it, or failed.
        """
        try:
            refused = any(each.refuses_image(image, prompt) for each in self.images)
        except Exception as error:
            LOG.exception("an image filter failed")
            raise ContentRefusedError("the picture could not be checked and was held back") from error
        if refused:
            raise ContentRefusedError("the picture must be one that may be shown here, and it was held back")


def _open(name: str, settings: Settings) -> object:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in SHIPPED:
        made = SHIPPED[name](settings)
    elif name in found:
        made = found[name].load()(settings)
    else:
        raise InputError(f"`filters` must be of {', '.join([*SHIPPED, *found])}, got {name}")
    if not isinstance(made, PromptFilter | ImageFilter):
        raise InputError(f"`filters` must have refuses_prompt or refuses_image, got {name} with neither")
    return made
