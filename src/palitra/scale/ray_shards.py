"""Shards as tasks of a Ray cluster; one whose worker died is made again.

Ray carries work and results between its machines in its own serialised form: a cluster is one trusted
program on many machines, with palitra installed on each.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from palitra.errors import InputError, PalitraError

S = TypeVar("S")
R = TypeVar("R")
KNOCK_S = 10.0
AHEAD = 4
"""Shards handed out per processor before the first result is taken: enough to keep it busy, few in memory."""


class RayShards:
    """A context manager around the connection to a cluster.

    address: "local" starts a cluster of this machine's processors that ends with the block, "auto" is the one
    that runs here, else "HOST:PORT" or "ray://HOST:PORT". retries: how often a lost shard is made again.
    """

    def __init__(self, address: str, *, retries: int = 3, processors: int | None = None) -> None:
        self.address, self.retries, self.processors = address, retries, processors

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            InputError: Ray is not installed, or no cluster answers at the address.
        """
        # nothing is told to anybody, and a task without a GPU leaves the devices' variables alone
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise InputError("`ray` needs the extra of that name: pip install palitra[ray]") from error
        own = self.address == "local"
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if own:
            quiet |= {"num_cpus": self.processors, "include_dashboard": False}
        try:
            if self.address not in ("local", "auto"):
                _knock(self.address)
            ray.init(address="local" if own else self.address, **quiet)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise InputError(
                f"`ray` must be local, auto or the address of a running cluster, got {self.address}"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        ray.shutdown()

    def run(self, work: Callable[..., R], shards: Iterable[S], *shared: Any) -> Iterator[R]:
        """`work(shard, *shared)` of every shard, in their order; `shared` is sent to each machine once.

        An error that `work` raises is raised here; it is not tried again, for it would be the same.

        Raises:
            PalitraError: a shard's worker died more often than allowed, or the cluster is gone.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(max_retries=self.retries)(work)
        kept = [ray.put(each) for each in shared]
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[Any] = deque()
        rest = iter(shards)
        try:
            while True:
                for shard in rest:
                    waiting.append(task.remote(shard, *kept))
                    if len(waiting) >= most:
                        break
                if not waiting:
                    return
                yield ray.get(waiting.popleft())
        except RayTaskError as error:
            cause = error.cause
            raise (cause if isinstance(cause, PalitraError) else error) from error
        except RayError as error:
            raise PalitraError(
                f"the cluster at {self.address} lost a shard more than {self.retries} times "
                f"({type(error).__name__}): its machines need looking after"
            ) from error
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)


def _knock(address: str) -> None:
    """Raise `OSError` or `ValueError` at once where nobody listens; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
