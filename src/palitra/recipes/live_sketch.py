"""A picture while one draws: sketch and words to a picture in a fraction of a second.

It draws with what is there: sketch guidance (arXiv 2211.13752) on a few steps of the model itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

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
from palitra.data.canvas_lines import canvas_picture, has_lines
from palitra.data.images import to_image, to_tensor
from palitra.data.sketch_input import normalise_sketch
from palitra.errors import ImageError
from palitra.guiders.cfg import ClassifierFree, Conditional
from palitra.guiders.sketch import SketchGuidance
from palitra.models.edge_predictor import EdgePredictor
from palitra.models.text_to_image import TextToImage
from palitra.recipes.generate import memory_words
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams

MOST_WORDS = 64
GUIDED_STEPS = 6


def never() -> bool:
    """The run is never asked to stop."""
    return False


class LiveSketcher:
    """Draws one picture at a time; the same sketch, words and seed give the same picture.

    `edges` gives the model's edge predictor and the line width it was trained with.
    """

    def __init__(self, model: TextToImage, edges: Callable[[], tuple[EdgePredictor, float]]) -> None:
        self.model = model
        self._edges = edges
        self._words: OrderedDict[str, Condition] = OrderedDict()

    def ready(self, prompt: str) -> Condition:
        """The words' encoding, kept for the last 64 prompts; an empty prompt leaves the picture free."""
        if prompt not in self._words:
            self._words[prompt] = encode_prompts(self.model, [prompt])[0]
        self._words.move_to_end(prompt)
        while len(self._words) > MOST_WORDS:
            self._words.popitem(last=False)
        return self._words[prompt]

    def draw(
        self, sketch: Image.Image, prompt: str, seed: int, stop: Callable[[], bool] = never
    ) -> Image.Image:
        """The picture of a drawing in any mode and size; `stop` is asked before every step.

        Raises:
            Cancelled: `stop` said so.
            ImageError: the drawing holds no lines.
            InputError: `seed` or `prompt` out of bounds.
        """
        drawn = self.paper(sketch)
        hooks = Hooks(cancelled=stop)
        with memory_words():
            latent = self._guided(drawn, self.ready(prompt), prompt, seed, hooks)
            with torch.no_grad():
                image = self.model.autoencoder.decode(latent)[0]
        return to_image((image.float().clamp(-1, 1) + 1).cpu() / 2)

    def paper(self, sketch: Image.Image) -> Tensor:
        """The drawing (1, 1, S, S) in [0, 1], black on white in the width that the model knows."""
        size, width = self.model.size, self._edges()[1]
        drawn = canvas_picture(sketch, size, width)
        if drawn is None:
            drawn = normalise_sketch(sketch, size, width, name="sketch").picture
        elif not has_lines(sketch):
            raise ImageError("`sketch` must hold lines: draw more than a dot")
        return to_tensor(drawn.convert("RGB"))[:, :1]

    def _guided(self, paper: Tensor, words: Condition, prompt: str, seed: int, hooks: Hooks) -> Tensor:
        """A few steps of sketch guidance, the default dial."""
        model, (predictor, _) = self.model, self._edges()
        beta, stop = build(SketchToImageParams, {"prompt": "live"}).dial()
        with torch.no_grad():
            target = model.autoencoder.encode(paper.expand(-1, 3, -1, -1).to(model.device) * 2 - 1).float()
        scale = model.prompt_scale * (1 + model.words_gain * beta)
        told: Guider = (
            ClassifierFree(words, self._wordless(words), scale) if prompt.strip() else Conditional(words)
        )
        # the branch that sketch guidance differentiates is the one with the words
        guiders = [told, SketchGuidance(predictor, target, beta, stop, branch=told.branches[-1].name)]
        noise = Noise([seed], model.device)
        side = model.size // model.factor
        sampler = DPMSolverMultistep(model.schedule)
        run = Predictor(model.denoiser, model.schedule, guiders)
        state = sample(
            sampler,
            run,
            noise.normal((model.autoencoder.channels, side, side)),
            model.times(GUIDED_STEPS),
            noise,
            hooks,
        )
        return sampler.image(state)

    def _wordless(self, words: Condition) -> Condition:
        """The empty prompt in the length of `words`."""
        empty = self.ready("")
        assert empty.text is not None
        assert words.text is not None
        windows = words.text.shape[1] // empty.text.shape[1]
        return Condition(text=empty.text.repeat(1, windows, 1))
