"""A picture while one draws: sketch and words to a picture in a fraction of a second.

It draws with the best that is there for its model. A distilled student (`palitra train live`) and its sketch
adapter need a few evaluations without gradients; an adapter alone (`palitra train sketch-adapter`) a few
steps of the model itself; without either it is sketch guidance (arXiv 2211.13752) on a few steps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.progress import Hooks
from palitra.core.rng import Noise
from palitra.core.sampler import Sampler
from palitra.core.tap import Tap
from palitra.data.canvas_lines import canvas_lines, drawn, has_lines
from palitra.data.images import to_image, to_tensor
from palitra.data.sketch_input import normalise_sketch
from palitra.errors import ImageError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.sketch import SketchGuidance
from palitra.models.device import live_dtype
from palitra.models.diffusers_unet import DiffusersUNet
from palitra.models.edge_predictor import EdgePredictor
from palitra.models.live_files import LiveStudent, in_dtype, load_live
from palitra.models.sketch_adapter import SketchAdapter
from palitra.models.sketch_adapter_files import load_sketch_adapter
from palitra.models.text_to_image import TextToImage
from palitra.models.weights import find_weights
from palitra.recipes.generate import memory_words
from palitra.samplers.consistency import Consistency
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from palitra.taps.sketch_adapter import SketchAdapterTap

MOST_WORDS = 64
GUIDED_STEPS = 6
ADAPTED_STEPS = 8
USUAL = build(SketchToImageParams, {"prompt": "a drawing"})

Way = Literal["student", "adapter", "guidance"]


def never() -> bool:
    """The run is never asked to stop."""
    return False


@dataclass(frozen=True)
class LiveWish:
    """What one picture is to be; `scale` is the weight of the words (None: the model's own).

    A student has its weight of the words built in and takes neither `scale` nor `negative`.
    """

    prompt: str
    seed: int
    negative: str = ""
    scale: float | None = None
    dial: tuple[float, float] = USUAL.dial()
    strength: float = 1.0


class LiveSketcher:
    """Draws one picture at a time; the same sketch, words and seed give the same picture.

    `edges` gives the model's edge predictor and the line width it was trained with. `folder` is where live
    weights may lie: `student/` and `adapter/`. `calls` and `samples` count the network's evaluations of all
    finished pictures.
    """

    def __init__(
        self,
        model: TextToImage,
        edges: Callable[[], tuple[EdgePredictor, float]],
        folder: Path | None = None,
    ) -> None:
        self.model, self.folder = model, folder
        self.calls = self.samples = 0
        self._edges = edges
        self._words: OrderedDict[tuple[str, str], tuple[Condition, Condition]] = OrderedDict()

    @cached_property
    def way(self) -> Way:
        """How it draws.

        Raises:
            WeightsError: there are live weights that do not fit the model.
        """
        if self._adapter is None:
            return "guidance"
        return "adapter" if self._student is None else "student"

    @cached_property
    def made_with(self) -> str:
        """Changes with how it draws and with the live weights; the model's own are not in it."""
        folder, own = self.folder or Path(), "adapter"
        if self._student is not None and self._student.adapter is not None:
            own = "student/adapter"
        used: dict[Way, tuple[str, ...]] = {
            "guidance": (),
            "adapter": ("adapter",),
            "student": ("student", own),
        }
        prints = [find_weights(folder / name, "model").fingerprint()[:12] for name in used[self.way]]
        return "-".join([self.way, *prints])

    @property
    def steps(self) -> int:
        """Steps a picture takes."""
        if self._student is not None and self.way == "student":
            return len(self._student.times) - 1
        return ADAPTED_STEPS if self.way == "adapter" else GUIDED_STEPS

    def ready(self, prompt: str, negative: str = "") -> tuple[Condition, Condition]:
        """The words' encodings, kept for the last 64 prompts; an empty prompt leaves the picture free."""
        key = (prompt, negative)
        if key not in self._words:
            self._words[key] = encode_prompts(self.model, [prompt], [negative])
        self._words.move_to_end(key)
        while len(self._words) > MOST_WORDS:
            self._words.popitem(last=False)
        return self._words[key]

    def draw(
        self, sketch: Image.Image, prompt: str, seed: int, stop: Callable[[], bool] = never
    ) -> Image.Image:
        """The picture of a drawing in any mode and size; `stop` is asked before every step.

        Raises:
            Cancelled: `stop` said so.
            ImageError: the drawing holds no lines.
            InputError: `seed` or `prompt` out of bounds.
        """
        return self.picture(self.paper(sketch), LiveWish(prompt, seed), Hooks(cancelled=stop))

    def paper(self, sketch: Image.Image) -> Tensor:
        """The drawing (1, 1, S, S) in [0, 1], black on white in the width that the weights know.

        Raises:
            ImageError: it holds no lines.
        """
        size, width = self.model.size, self.line_width
        centre = canvas_lines(sketch)
        if centre is not None and not has_lines(centre):
            raise ImageError("`sketch` must hold lines: draw more than a dot")
        picture = (
            normalise_sketch(sketch, size, width, name="sketch").picture
            if centre is None
            else drawn(centre, size, width)
        )
        return to_tensor(picture.convert("RGB"))[:, :1]

    @property
    def line_width(self) -> float:
        """Of the drawings that the weights were trained with, in pixels of the model's size."""
        return self._edges()[1] if self._adapter is None else self._adapter[1]

    def picture(self, paper: Tensor, wish: LiveWish, hooks: Hooks | None = None) -> Image.Image:
        """The picture of a drawing (1, 1, S, S) in [0, 1], black on white.

        Raises:
            Cancelled: `hooks.cancelled()` said so.
        """
        latent = self.latent(paper, wish, hooks)
        with memory_words(), torch.no_grad():
            image = self.model.autoencoder.decode(latent)[0]
        return to_image((image.float().clamp(-1, 1) + 1).cpu() / 2)

    def latent(self, paper: Tensor, wish: LiveWish, hooks: Hooks | None = None) -> Tensor:
        """As `picture`, before it is decoded: (1, C, h, w)."""
        make = {"student": self._by_student, "adapter": self._by_adapter, "guidance": self._by_guidance}
        with memory_words():
            return make[self.way](paper.to(self.model.device), wish, hooks or Hooks())

    @cached_property
    def _student(self) -> LiveStudent | None:
        """Of no use without an adapter: nothing else would tell it the drawing."""
        folder = self.folder and self.folder / "student"
        if folder is None or not (folder / "config.json").is_file():
            return None
        return load_live(folder, self.model, live_dtype(self.model.device))

    @cached_property
    def _adapter(self) -> tuple[SketchAdapter, float] | None:
        """The student's own if it has one, else the model's."""
        if self._student is not None and self._student.adapter is not None:
            return self._student.adapter
        folder = self.folder and self.folder / "adapter"
        if folder is None or not (folder / "config.json").is_file():
            return None
        return load_sketch_adapter(folder, self.model)

    @cached_property
    def _quick(self) -> DiffusersUNet:
        """The model's own network in the number format that is quick here."""
        return in_dtype(self.model.denoiser, live_dtype(self.model.device))

    @torch.no_grad()
    def _tap(self, paper: Tensor, strength: float) -> Tap:
        """The adapter's maps of the drawing, made once for all steps."""
        assert self._adapter is not None
        adapter = self._adapter[0]
        return SketchAdapterTap(adapter.config.sites, adapter(paper), strength)

    def _by_student(self, paper: Tensor, wish: LiveWish, hooks: Hooks) -> Tensor:
        """Multistep consistency sampling; its noise depends on seed and step alone."""
        student = self._student
        assert student is not None
        guider = Conditional(self.ready(wish.prompt)[0])
        sampler = Consistency(self.model.schedule)
        taps = [self._tap(paper, wish.strength)]
        return self._sampled(student.denoiser, sampler, student.times, [guider], wish.seed, hooks, taps)

    def _by_adapter(self, paper: Tensor, wish: LiveWish, hooks: Hooks) -> Tensor:
        """A few steps of the model with classifier-free guidance; both halves see the drawing."""
        taps = [self._tap(paper, wish.strength)]
        guider = self._told(wish, self.model.prompt_scale)
        sampler = DPMSolverMultistep(self.model.schedule)
        times = self.model.times(ADAPTED_STEPS)
        return self._sampled(self._quick, sampler, times, [guider], wish.seed, hooks, taps)

    def _by_guidance(self, paper: Tensor, wish: LiveWish, hooks: Hooks) -> Tensor:
        """A few steps of sketch guidance."""
        model, (predictor, _), (beta, stop) = self.model, self._edges(), wish.dial
        with torch.no_grad():
            target = model.autoencoder.encode(paper.expand(-1, 3, -1, -1) * 2 - 1).float()
        told = self._told(wish, model.prompt_scale * (1 + model.words_gain * beta))
        # the branch that sketch guidance differentiates is the one with the words
        guidance = SketchGuidance(predictor, target, beta, stop, branch=told.branches[-1].name)
        sampler = DPMSolverMultistep(model.schedule)
        times = model.times(GUIDED_STEPS)
        return self._sampled(model.denoiser, sampler, times, [told, guidance], wish.seed, hooks)

    def _told(self, wish: LiveWish, own_scale: float) -> Guider:
        """The words at their scale; without any there is nothing to weigh."""
        words, unwanted = self.ready(wish.prompt, wish.negative)
        scale = own_scale if wish.scale is None else wish.scale
        if scale == 1 or wish.prompt == wish.negative:
            return Conditional(words)
        return ClassifierFree(words, unwanted, scale)

    def _sampled(
        self,
        denoiser: DiffusersUNet,
        sampler: Sampler,
        times: Sequence[int],
        guiders: Sequence[Guider],
        seed: int,
        hooks: Hooks,
        taps: Sequence[Tap] = (),
    ) -> Tensor:
        """The clean latent of one seed."""
        model, noise = self.model, Noise([seed], self.model.device)
        side = model.size // model.factor
        run = Predictor(denoiser, model.schedule, guiders, taps)
        start = noise.normal((model.autoencoder.channels, side, side))
        latent = sampler.image(sample(sampler, run, start, times, noise, hooks))
        self.calls, self.samples = self.calls + run.calls, self.samples + run.samples
        return latent
