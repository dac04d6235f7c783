"""Any diffusers `UNet2DConditionModel` as a denoiser with taps.

Hooks exist only while a call runs and only at the sites its taps want; they are gone after it, also
after an exception. Attention maps are made only where a tap wants a `probs` site; every other
attention keeps its fused kernel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from palitra.core.condition import Condition
from palitra.core.parametrise import Parametrisation
from palitra.core.preconditioning import Preconditioning
from palitra.core.schedule import Schedule
from palitra.core.tap import Bus
from palitra.models.attention_maps import tapped_attention
from palitra.models.unet_sites import Site, find_sites, forward_order


class DiffusersUNet:
    """Denoiser over a U-Net in evaluation mode with frozen weights.

    Latents (B, C, h, w) enter and leave in float32; the network runs in its own dtype. Calls are
    serialised: two threads may share one denoiser.

    A network of flow matching wants its own latent and the flow's time in thousandths: `schedule` says which
    they are at an integer time, everybody else needs none. `preconditioning` is that of a network which
    learned with it.
    """

    def __init__(
        self,
        unet: Any,
        parametrisation: Parametrisation,
        schedule: Schedule | None = None,
        preconditioning: Preconditioning | None = None,
    ) -> None:
        assert preconditioning is None or parametrisation == "v_prediction", "preconditioning is of v"
        assert schedule is not None or parametrisation != "flow_prediction", "a flow needs its schedule"
        self.unet = unet.eval().requires_grad_(False)
        self.parametrisation, self._schedule = parametrisation, schedule
        flows = parametrisation == "flow_prediction" and schedule is not None
        self.preconditioning = preconditioning
        self._levels = schedule.levels.float().to(unet.device) if flows and schedule else None
        self._sites = find_sites(unet)
        self._lock = threading.RLock()

    def of(self, unet: Any) -> DiffusersUNet:
        """A denoiser over another network of the same layout, asked and understood as this one is."""
        return DiffusersUNet(unet, self.parametrisation, self._schedule, self.preconditioning)

    @property
    def sites(self) -> Sequence[str]:
        """Names of all sites in the order of the forward pass."""
        return list(self._sites)

    def __call__(self, x: Tensor, t: int | Tensor, condition: Condition, bus: Bus | None = None) -> Tensor:
        """One evaluation at time t (an integer, or (B,) of them)."""
        with self._lock, ExitStack() as stack:
            if bus is not None and bus.taps:
                wanted = self._wanted(bus)
                stack.enter_context(_tapped(wanted, bus))
                if bus.cut_above_taps and wanted:
                    stack.enter_context(self._cut_above(wanted[-1]))
            if bus is not None and bus.checkpoint:
                stack.enter_context(self._checkpointed(bus))
            return self._forward(x, t, condition)

    def _wanted(self, bus: Bus) -> list[Site]:
        return [site for site in self._sites.values() if bus.wants(site.name)]

    @contextmanager
    def _checkpointed(self, bus: Bus) -> Iterator[None]:
        """Keep only inputs of residual and transformer blocks for the gradient, and run the blocks again.

        The second run is made in the backward pass, when this call is over: it opens the taps anew.
        """

        def run(module: nn.Module, *inputs: Any) -> Any:
            def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
                return nullcontext(), _tapped(self._wanted(bus), bus)

            return checkpoint(module.__call__, *inputs, use_reentrant=False, context_fn=contexts)

        self.unet.enable_gradient_checkpointing(run)
        try:
            yield
        finally:
            self.unet.disable_gradient_checkpointing()

    def features(
        self, x: Tensor, t: int | Tensor, condition: Condition, sites: Sequence[str]
    ) -> list[Tensor]:
        """Values at `sites` without gradient; the pass ends at the last of them.

        Costs 0.75 of a forward for the nine taps of sketch guidance in SD 1.x.
        """
        found: dict[str, Tensor] = {}
        last = max(sites, key=forward_order)

        def keep(name: str) -> Callable[[Tensor], Tensor]:
            def see(value: Tensor) -> Tensor:
                found[name] = value
                if name == last:
                    raise _EnoughSeen
                return value

            return see

        with self._lock, ExitStack() as stack, torch.no_grad():
            for name in sites:
                stack.enter_context(_opened(self._sites[name], keep(name)))
            stack.enter_context(suppress(_EnoughSeen))
            self._forward(x, t, condition)
        return [found[name] for name in sites]

    def _forward(self, x: Tensor, t: int | Tensor, condition: Condition) -> Tensor:
        dtype, condition = self.unet.dtype, condition.expand(len(x))
        time = torch.as_tensor(t, device=x.device)
        if self._levels is not None:
            x, time = flow_input(x, self._levels.to(x.device)[time])
        seen = x if self.preconditioning is None else self.preconditioning.asked(x, time)
        if condition.channels is not None:
            seen = torch.cat([seen, condition.channels.to(seen)], 1)
        text = None if condition.text is None else condition.text.to(x.device, dtype)
        (out,) = self.unet(seen.to(dtype), time, text, class_labels=condition.label, return_dict=False)
        if self.preconditioning is None:
            return out.float()
        return self.preconditioning.answered(x, out.float(), time)

    @contextmanager
    def _cut_above(self, last: Site) -> Iterator[None]:
        """Detach what enters every module after `last`, so that no graph is kept above it."""
        position = forward_order(last.name)
        # a transformer that holds the site ends after it, but what enters it leads to the site
        later: Iterable[nn.Module] = [
            site.module
            for site in self._sites.values()
            if site.part == "output"
            and forward_order(site.name) > position
            and not last.name.startswith(f"{site.name}.")
        ]
        first_block = position[1] + 1 if position[0] == 2 else 0
        blocks = list(self.unet.up_blocks)[first_block:]
        handles = [m.register_forward_pre_hook(_detached, with_kwargs=True) for m in (*later, *blocks)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def flow_input(x: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """What a flow's network is asked: (1 - tau) x0 + tau eps for x_t (B, C, h, w) of equal SNR, and 1000 tau.

    `tau` is one level or (B,) of them.
    """
    scale = ((1 - tau).square() + tau.square()).sqrt()
    return x * scale.reshape(-1, 1, 1, 1), 1000 * tau


class _EnoughSeen(Exception):  # noqa: N818 - not an error
    """Ends a forward pass whose rest nobody needs."""


def _opened(site: Site, see: Callable[[Tensor], Tensor]) -> AbstractContextManager[None]:
    """Let `see` read and change the value of a site while the context lasts."""
    if site.part == "output":
        return _hooked(site.module, see)
    if site.part == "probs":
        return tapped_attention(site.module, see)
    if site.part == "attend":
        raise LookupError(f"{site.name} has no value: an AttentionTap stands around it")
    if site.part == "out":
        return _hooked_input(_first(site.module.to_out), see)
    return _hooked(getattr(site.module, f"to_{site.part}"), see)


@contextmanager
def _tapped(wanted: Sequence[Site], bus: Bus) -> Iterator[None]:
    """Let the bus look at the wanted sites while the context lasts."""
    with ExitStack() as stack:
        for site in wanted:
            if site.part not in ("probs", "attend"):
                stack.enter_context(_opened(site, partial(bus, site.name)))
        for context in _looked_into(wanted, bus):
            stack.enter_context(context)
        yield


def _looked_into(wanted: Sequence[Site], bus: Bus) -> Iterator[AbstractContextManager[None]]:
    """One opened attention per module, for its map and for what stands around it."""
    parts: dict[nn.Module, dict[str, str]] = {}
    for site in wanted:
        if site.part in ("probs", "attend"):
            parts.setdefault(site.module, {})[site.part] = site.name
    for module, names in parts.items():
        see = partial(bus, names["probs"]) if "probs" in names else None
        route = partial(bus.attend, names["attend"]) if "attend" in names else None
        yield tapped_attention(module, see, route)


@contextmanager
def _hooked(module: nn.Module, see: Callable[[Tensor], Tensor]) -> Iterator[None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        if torch.is_tensor(output):
            return see(output)
        if isinstance(output, tuple):
            return (see(output[0]), *output[1:])
        output.sample = see(output.sample)
        return output

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _hooked_input(module: nn.Module, see: Callable[[Tensor], Tensor]) -> Iterator[None]:
    handle = module.register_forward_pre_hook(lambda _module, inputs: (see(inputs[0]), *inputs[1:]))
    try:
        yield
    finally:
        handle.remove()


def _first(modules: Any) -> nn.Module:
    """The projection of an attention's `to_out` list."""
    return modules[0]


def _detached(_module: nn.Module, inputs: Any, named: Any) -> Any:
    return _detach(inputs), _detach(named)


def _detach(value: Any) -> Any:
    if torch.is_tensor(value):
        return value.detach()
    if isinstance(value, tuple):
        return tuple(_detach(v) for v in value)
    if isinstance(value, dict):
        return {k: _detach(v) for k, v in value.items()}
    return value
