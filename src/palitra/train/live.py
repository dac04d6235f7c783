"""Distils a text-to-image model into a student of a few steps with guidance built in.

The student is its teacher plus low-rank differences (`palitra.models.low_rank`); a sketch adapter may learn
along. How the student is taught is a method of its own: `train.consistency` or `train.adversarial`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from palitra.core.parametrise import Parametrisation
from palitra.data.edges import EdgeDetector
from palitra.errors import InputError, ModelNotFoundError
from palitra.models.eye import load_eye
from palitra.models.live_files import read_student, save_live
from palitra.models.low_rank import LowRankStudent
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import load_sketch_adapter
from palitra.models.text_to_image import TextToImage
from palitra.taps.sketch_adapter import SketchAdapterTap
from palitra.train.adversarial import AdversarialDistillation
from palitra.train.checkpoint import load_checkpoint, save_checkpoint
from palitra.train.consistency import ConsistencyDistillation
from palitra.train.drawing_batch import DrawnBatch, DrawnPictures
from palitra.train.drawing_pack import DrawingPack
from palitra.train.ema import EMA
from palitra.train.line_reward import missed_lines
from palitra.train.live_config import LiveTraining, learning_rate_factor
from palitra.train.progress import TrainingBar
from palitra.train.sketch_adapter import network_output, prepare_for_training

DISTILLED: tuple[Parametrisation, ...] = ("v_prediction", "flow_prediction")


@dataclass(frozen=True, eq=False)
class Told:
    """What a batch is told: token states (B, L, D), drawings (B, 1, S, S), which samples see theirs (B,)."""

    text: Tensor
    papers: Tensor
    drawn: Tensor


class Method(Protocol):
    """How a student is taught; `modules` are its own networks beside the student."""

    modules: dict[str, nn.Module]

    def backward(self, trainer: LiveTrainer, batch: DrawnBatch) -> dict[str, float]:
        """Put gradients into all parameters; returns numbers to show."""
        ...


class LiveTrainer:
    """Owns student, adapter, optimiser and their average; `step` makes one update.

    Raises:
        InputError: the model predicts neither v nor a flow.
        WeightsError: `begin_with` holds a student of another rank or model.
    """

    def __init__(
        self,
        model: TextToImage,
        pack: DrawingPack,
        config: LiveTraining,
        adapter: SketchAdapter | None = None,
        eye: Any = None,
        begin_with: Path | None = None,
    ) -> None:
        if model.denoiser.parametrisation not in DISTILLED:
            raise InputError(
                f"`model` must predict v or a flow to be distilled, got {model.denoiser.parametrisation}"
            )
        torch.manual_seed(config.seed)
        prepare_for_training(model)
        self.model, self.config, self.device = model, config, model.device
        self.pictures = DrawnPictures.of(model, pack)
        self.lows = LowRankStudent(model.denoiser.unet, config.rank)
        if begin_with is not None:
            self.lows.load(read_student(begin_with, model)[0])
        self.teachers_adapter = adapter
        self.adapter = copy.deepcopy(adapter).train().requires_grad_(True) if adapter else None
        self.parameters = [*self.lows.parameters, *(self.adapter.parameters() if self.adapter else ())]
        self.detector = EdgeDetector.load(device=str(model.device)) if config.line_reward else None
        self.method: Method = (
            ConsistencyDistillation(self)
            if config.method == "consistency"
            else AdversarialDistillation(self, eye)
        )
        self.modules: dict[str, nn.Module] = {"student": self.lows.differences, **self.method.modules}
        if self.adapter:
            self.modules["adapter"] = self.adapter
        self.optimizer = self._optimizer()
        self.ema = EMA(self.parameters, config.ema)
        ends = torch.tensor([model.schedule.final_abar], dtype=torch.float64)
        # the last entry answers time -1, the clean end
        self.abar = torch.cat([model.schedule.abar, ends]).float().to(self.device)
        self.scale = config.guidance or model.prompt_scale
        self.total = math.ceil(config.samples / config.batch)

    def _optimizer(self) -> torch.optim.AdamW:
        critics = [p for m in self.method.modules.values() for p in m.parameters()]
        groups = [{"params": self.parameters, "rate": self.config.learning_rate}]
        if critics:
            groups.append({"params": critics, "rate": self.config.critic_rate})
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=self.config.weight_decay)

    def signal(self, t: Tensor) -> Tensor:
        """The signal power of times (B,), (B, 1, 1, 1)."""
        return self.abar[t].view(-1, 1, 1, 1)

    def mixed(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The latents sqrt(abar) clean + sqrt(1 - abar) noise, of time t, -1 for the clean end."""
        abar = self.signal(t)
        return abar.sqrt() * clean + (1 - abar).sqrt() * noise

    def noised(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The forward process at times t (B,)."""
        return self.mixed(x0, t, noise)

    def told(self, batch: DrawnBatch) -> Told:
        """Words for all, drawings for a share of the samples."""
        drawn = torch.rand(len(batch.latents), generator=batch.generator) < self.config.drawn_share
        return Told(self.pictures.text(batch.texts), batch.papers, drawn.to(self.device))

    def student_x0(self, x: Tensor, t: Tensor, told: Told) -> Tensor:
        """The clean latent that the student believes in; a time of -1 is asked as 0."""
        return self._believed(x, t, told.text, self._tap(self.adapter, told))[0]

    @torch.no_grad()
    def teacher(self, x: Tensor, t: Tensor, told: Told) -> tuple[Tensor, Tensor]:
        """Clean latent and noise by the guided teacher, from one call of 2B samples."""
        empty = self.pictures.text(torch.zeros(1, dtype=torch.long)).expand_as(told.text)
        with self.lows.teacher():
            tap = self._tap(self.teachers_adapter, told)
            clean, noise = self._believed(
                x.repeat(2, 1, 1, 1), t.repeat(2), torch.cat([empty, told.text]), tap
            )
        (clean_u, clean_c), (noise_u, noise_c) = clean.chunk(2), noise.chunk(2)
        return clean_u + self.scale * (clean_c - clean_u), noise_u + self.scale * (noise_c - noise_u)

    def lines(self, clean: Tensor, told: Told) -> Tensor:
        """The price of lines that the student's clean latents miss, over the samples that see a drawing."""
        if self.detector is None:
            return clean.new_zeros(())
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            missed = missed_lines(self.detector, self.model.autoencoder.decode(clean), told.papers)
        return self.config.line_reward * (missed * told.drawn).mean()

    def _tap(self, adapter: SketchAdapter | None, told: Told) -> SketchAdapterTap | None:
        if adapter is None:
            return None
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            maps = adapter(told.papers)
        seen = told.drawn.view(-1, 1, 1, 1)
        return SketchAdapterTap(adapter.config.sites, [m * seen for m in maps])

    def _believed(
        self, x: Tensor, t: Tensor, text: Tensor, tap: SketchAdapterTap | None
    ) -> tuple[Tensor, Tensor]:
        """Clean latent and noise of an evaluation."""
        t = t.clamp(min=0)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bf16):
            out = network_output(self.model, x, t, text, tap)
        abar = self.signal(t)
        a, s = abar.sqrt(), (1 - abar).sqrt()
        if self.model.denoiser.parametrisation == "v_prediction":
            return a * x - s * out, s * x + a * out
        return (x - s * out) / (a + s), (x + a * out) / (a + s)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The average in the student's place; no gradient may be kept across it."""
        self.ema.swap(self.parameters)
        try:
            yield
        finally:
            self.ema.swap(self.parameters)

    def step(self, index: int) -> dict[str, float]:
        """One update; returns the method's numbers."""
        c = self.config
        factor = learning_rate_factor(index, self.total, c.warmup, c.decay_from)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        batch = self.pictures.batch(c.seed, index, c.batch, c.human_share, c.text_dropout, c.line_width)
        numbers = self.method.backward(self, batch)
        for group in self.optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], c.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.parameters, index)
        return numbers


def train_live(trainer: LiveTrainer, folder: Path) -> LiveTrainer:
    """Train to the end of `samples`, resuming from `folder`; leaves the average in the student's place."""
    from palitra.train.live_sheet import write_live_sheet

    config, total = trainer.config, trainer.total
    start = load_checkpoint(folder, trainer.modules, trainer.optimizer, trainer.ema)
    with TrainingBar(f"live ({config.method})", total, start, folder / "log.csv") as bar:
        for index in range(start, total):
            bar.advance(index, **trainer.step(index), lr=trainer.optimizer.param_groups[0]["lr"])
            if (index + 1) % config.save_every == 0 or index + 1 == total:
                save_checkpoint(folder, index + 1, trainer.modules, trainer.optimizer, trainer.ema)
                write_live_sheet(trainer, folder / "sheets" / f"{index + 1:07d}.png")
    trainer.ema.swap(trainer.parameters)
    return trainer


def make_trainer(
    model: TextToImage,
    pack: DrawingPack,
    config: LiveTraining,
    adapter_folder: Path,
    begin_with: Path | None = None,
) -> LiveTrainer:
    """A trainer with what its settings ask for: the teacher's adapter, an eye.

    Raises:
        ModelNotFoundError: an adapter is to learn along and the teacher has none.
    """
    adapter, source = None, begin_with / "adapter" if begin_with else None
    if config.adapter:
        if not (adapter_folder / "config.json").is_file():
            raise ModelNotFoundError(
                f"`adapter` must be a trained sketch adapter, and {adapter_folder} holds none: run "
                f"`palitra train sketch-adapter`, or leave drawings out with adapter=false"
            )
        adapter = load_sketch_adapter(adapter_folder, model)[0]
    eye = load_eye(device=model.device).network if config.method == "adversarial" else None
    trainer = LiveTrainer(model, pack, config, adapter, eye, begin_with)
    if trainer.adapter and source and source.is_dir():
        trainer.adapter.load_state_dict(load_sketch_adapter(source, model)[0].state_dict())
    return trainer


def export_live(trainer: LiveTrainer, folder: Path) -> None:
    """Write the student and the adapter that learned along."""
    model, config = trainer.model, trainer.config
    save_live(
        folder,
        trainer.lows.tensors(),
        model.times(config.steps),
        model.fingerprint,
        config.method,
        trainer.adapter,
        config.line_width,
    )
