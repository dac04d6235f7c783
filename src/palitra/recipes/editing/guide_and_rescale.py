"""Guide-and-Rescale (arXiv 2409.01322) as users run it: inversion, sites of the model, released settings.

Three alignments of the photo's path with the edit's times: "consistent" (default) runs the photo's latent
at the very time its inversion ran it, so that what the network saw there is kept and the photo costs
nothing more; "official" is the released code's, whose photo is one step noisier than the time it is
evaluated at; "p2p" inverts as prompt-to-prompt does. See `docs/decisions/0019`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.guide_and_rescale import GuideAndRescale, GuideAndRescaleConfig, inputs_of
from palitra.guiders.source import PHOTO
from palitra.models.unet_sites import side_share
from palitra.recipes.editing.inversion_store import Tensors, entry_key
from palitra.recipes.editing.job import EditJob
from palitra.samplers.ddim import DDIM
from palitra.samplers.inversion import ddim_inversion
from palitra.taps.keep import Keep

Alignment = Literal["consistent", "official", "p2p"]
Layers = Literal["all", "coarse"]


@dataclass(frozen=True)
class Released:
    """The released settings, before a model's sites are known."""

    self_attention: float
    appearance: float
    style: float
    guided: float
    low: float
    high: float


LOCAL = Released(3e5, 500, 0, 30 / 50, 0.33, 3.0)
STYLE = Released(1e5, 0, 2.5, 25 / 50, 1.5, 1.5)


def guide_and_rescale(job: EditJob) -> Tensor:
    """Edit by the job's preset; strength 0.5 is as released.

    Below it the photo's pull grows (bounds of the ratio times 2 (1 - strength)), above it fades to none
    at 1, which is plain guidance from the photo's noise.
    """
    layers: Layers = "coarse" if job.thrift > 1 else "all"
    return edit_with(job, "official" if job.params.official else "consistent", layers)


def edit_with(
    job: EditJob,
    alignment: Alignment,
    layers: Layers = "all",
    explicit: bool = False,
    keep_features: bool = True,
) -> Tensor:
    """The method with all its choices open.

    layers: "coarse" leaves out the finest attentions. explicit: whole maps, as the energy is defined.
    keep_features: keep what the inversion saw (consistent alignment only) instead of running the photo again.
    """
    config = config_for(job, layers, explicit)
    guide = ClassifierFree(job.target, job.empty, job.scale())
    if config.low == config.high == 0 or config.guided == 0:
        path = job.trajectory(convention="clean")
        return job.run([guide], path[0], path=path)
    if alignment == "consistent" and keep_features:
        path, kept = kept_inversion(job, config)
        return job.run([guide, GuideAndRescale(config, job.source, kept)], path[0], path=path)
    start, track = aligned(job, alignment)
    return job.run([guide, GuideAndRescale(config, job.source)], start, tracks={PHOTO: track})


def config_for(job: EditJob, layers: Layers = "all", explicit: bool = False) -> GuideAndRescaleConfig:
    """The preset's settings on the model's own sites, at the job's strength."""
    released = STYLE if job.params.preset == "style" else LOCAL
    sites = job.model.denoiser.sites
    attentions = [s for s in sites if s.endswith(".self.attend")]
    if layers == "coarse":
        attentions = [s for s in attentions if side_share(s, sites) < 1]
    up = [s for s in sites if s.startswith("up.")]
    last = next(s for s in reversed(up) if s.count(".") == 3)
    return GuideAndRescaleConfig(
        released.self_attention,
        released.appearance,
        released.style,
        released.guided,
        released.low * job.ease,
        released.high * job.ease,
        tuple(attentions),
        last,
        "up.1.res.1",
        explicit,
    )


def aligned(job: EditJob, alignment: Alignment) -> tuple[Tensor, Sequence[Tensor]]:
    """The latent to set out from, and the photo's latent of every step."""
    if alignment == "p2p":
        path = job.trajectory(convention="noisy")
        return path[0], path
    path = job.trajectory(convention="clean")
    if alignment == "consistent":
        return path[0], path
    beyond = one_step_beyond(job, path[0])
    return beyond, [beyond, *path[:-1]]


def one_step_beyond(job: EditJob, latent: Tensor) -> Tensor:
    """The released code's last inversion move, from the first time of the edit to the last training step."""
    schedule, t = job.model.schedule, job.times[0]
    predictor = job.predictor([Conditional(job.source)])
    moved = DDIM(schedule).back(predictor, latent, t, schedule.steps - 1, 0, len(job.times) - 1)
    job.cost.add(predictor)
    return moved


def kept_inversion(
    job: EditJob, config: GuideAndRescaleConfig
) -> tuple[list[Tensor], dict[tuple[int, str], Tensor]]:
    """The photo's trajectory, and what the network saw of the photo at the guided times and read sites.

    The inversion passes every (latent, time) that the edit will ask about. Kept in the network's own
    precision: 44 MiB a guided step in half precision for SD 1.x.
    """
    times = job.times
    count = len(times) - 1
    guided = set(times[1 : round(config.guided * count)])
    sites = read_sites(config)
    names = [
        entry_key("seen", photo, words, job.model.fingerprint, sites, len(guided), *times)
        for photo, words in zip(job.photos, job.source_words, strict=True)
    ]

    def make(rows: list[int]) -> list[Tensors]:
        keep = Keep(sites, "target", guided.__contains__)
        predictor = job.predictor([Conditional(job.source.rows(rows))], [keep])
        _, path = ddim_inversion(predictor, job.x0[rows], times, job.hooks, "clean")
        job.cost.add(predictor)
        stacked = torch.stack(path, 1)
        return [
            {"path": stacked[row], **{f"{t} {site}": v[row] for (t, site), v in keep.kept.items()}}
            for row in range(len(rows))
        ]

    entries = job.kept(names, make)
    device = job.x0.device
    kept: dict[tuple[int, str], Tensor] = {}
    for name in entries[0]:
        if name != "path":
            t, site = name.split(" ", 1)
            kept[int(t), site] = torch.stack([entry[name] for entry in entries]).to(device)
    return job.by_step(entries, "path"), kept


def read_sites(config: GuideAndRescaleConfig) -> str:
    """Pattern of all sites whose reference the energies read."""
    patterns = [inputs_of(config.attention_sites)] if config.self_attention else []
    patterns += [config.appearance_site] if config.appearance else []
    patterns += [config.style_site] if config.style else []
    return "|".join(patterns)
