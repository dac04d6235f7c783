"""Names and patterns of the places inside a network where taps act.

A name is a dotted path such as `down.0.res.1`, `mid.attn.0`, `up.1.attn.0.block.0.self.k`. A pattern
is one or more shell-style patterns joined by `|`; `*` also crosses dots.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


def matches(site: str, pattern: str) -> bool:
    """Whether `site` is meant by `pattern`."""
    return any(fnmatch.fnmatchcase(site, p) for p in pattern.split("|"))


def select(sites: Iterable[str], pattern: str) -> list[str]:
    """The sites that `pattern` means, in their given order."""
    return [s for s in sites if matches(s, pattern)]
