"""palitra: controllable image generation.

>>> import palitra
>>> studio = palitra.load()                                                  # doctest: +SKIP
>>> studio.sketch("giraffe.png", "a photo of a giraffe").save("pictures")    # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from palitra.version import __version__

if TYPE_CHECKING:
    from palitra.studio import ClassGenerator, Studio, load, load_classes

__all__ = ["ClassGenerator", "Studio", "__version__", "load", "load_classes"]


def __getattr__(name: str) -> Any:
    """Import torch only when a model is wanted."""
    if name in ("ClassGenerator", "Studio", "load", "load_classes"):
        from palitra import studio

        return getattr(studio, name)
    raise AttributeError(f"module 'palitra' has no attribute {name!r}")
