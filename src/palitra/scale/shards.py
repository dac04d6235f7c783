"""Work cut into shards: each depends on nothing but itself, so that where it is done makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

S = TypeVar("S")
R = TypeVar("R")


class Spread(Protocol):
    """Who does the work."""

    def run(self, work: Callable[..., R], shards: Iterable[S], *shared: Any) -> Iterator[R]:
        """`work(shard, *shared)` of every shard, in their order."""
        ...


class Here:
    """This process, one shard after another."""

    def run(self, work: Callable[..., R], shards: Iterable[S], *shared: Any) -> Iterator[R]:
        """`work(shard, *shared)` of every shard, in their order."""
        for shard in shards:
            yield work(shard, *shared)
