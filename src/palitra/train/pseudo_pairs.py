"""Human sketches with pictures of their own: pseudo-pairs.

The human sketches of pacs have no photo of the same lines. The model itself draws one picture of each by
sketch guidance (Voynov et al., arXiv 2211.13752) at the default dial, from the sketch and its class phrase:
what an adapter learns from them is to do in one pass what guidance does by gradients, on people's lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from palitra.conditions.text import encode_prompts
from palitra.core.condition import Condition
from palitra.core.loop import sample
from palitra.core.predictor import Predictor
from palitra.core.rng import Noise
from palitra.data.datasets import decode_rgb, read_rows
from palitra.data.sketch_input import normalise_sketch
from palitra.data.strokes import skeleton
from palitra.errors import ImageError, ModelNotFoundError
from palitra.guiders.cfg import ClassifierFree
from palitra.guiders.sketch import SketchGuidance
from palitra.models.edge_predictor import EdgePredictor
from palitra.models.edge_predictor_files import load_edge_predictor
from palitra.models.text_to_image import TextToImage
from palitra.samplers.dpm_multistep import DPMSolverMultistep
from palitra.spec.build import build
from palitra.spec.recipes import SketchToImageParams
from palitra.train.captioned import CONCEPTS, phrasings
from palitra.train.drawing_pack import PART, encode_both, pack_lines, text_rows
from palitra.train.live_config import DrawingConfig

if TYPE_CHECKING:
    from palitra.train.drawing_pack import Making, Part

AT_ONCE = 16


def human_sketches(data: Path, most: int) -> list[tuple[Image.Image, str]]:
    """Up to `most` human sketches of the pacs training split, spread over the file, with their labels."""
    rows = [
        row
        for row in read_rows(data / "pacs" / "train.parquet", ["image", "domain", "label"])
        if row["domain"] == "sketch"
    ]
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)) if rows else ()
    return [
        (Image.fromarray(decode_rgb(rows[i]["image"]).permute(1, 2, 0).numpy()), str(rows[i]["label"]))
        for i in chosen
    ]


def pseudo_pair_parts(
    predictor_folder: Path, model: TextToImage, config: DrawingConfig, data: Path, done: int
) -> Making:
    """Parts of a drawing pack whose lines people drew and whose pictures the model draws.

    Raises:
        ModelNotFoundError: there is no edge predictor in `predictor_folder`.
    """
    if not (predictor_folder / "config.json").is_file():
        raise ModelNotFoundError(
            f"`model` {model.name} needs an edge predictor in {predictor_folder} to draw human sketches: "
            f"train one with `palitra train sketch --model {model.name}`, or leave them out, human=false"
        )
    predictor, line_width = load_edge_predictor(predictor_folder, model.device)
    sketches = human_sketches(data, config.human_pictures)
    captions = [f"a photo of {'an' if label[0] in 'aeiou' else 'a'} {label}" for _, label in sketches]
    texts, said = text_rows([phrasings(c, label) for c, (_, label) in zip(captions, sketches, strict=True)])

    def parts() -> Iterator[Part]:
        for start in range(done * PART, len(sketches), PART):
            here = range(start, min(start + PART, len(sketches)))
            papers, centres = zip(
                *(_paper(sketches[i][0], model.size, line_width) for i in here), strict=True
            )
            pictures = [
                drawn_by_guidance(
                    model,
                    predictor,
                    torch.stack(papers[at : at + AT_ONCE]),
                    [captions[i] for i in here[at : at + AT_ONCE]],
                    list(here[at : at + AT_ONCE]),
                    config.human_steps,
                )
                for at in range(0, len(here), AT_ONCE)
            ]
            yield {
                "latents": encode_both(model, torch.cat(pictures)),
                "lines": pack_lines(np.stack(centres)[:, None]),
                "human": torch.ones(len(here), dtype=torch.bool),
                "concepts": torch.tensor([CONCEPTS.index(sketches[i][1]) for i in here]),
                "phrasings": said[start : start + PART],
            }

    return texts, -(-len(sketches) // PART), parts()


def _paper(image: Image.Image, size: int, line_width: float) -> tuple[Tensor, np.ndarray]:
    """A sketch as a user's: (1, S, S) black on white, and its centre lines on a canvas twice as wide."""
    try:
        sketch = normalise_sketch(image, size, line_width)
    except ImageError:
        # nothing that can be drawn: an empty sheet teaches that no lines mean freedom
        return torch.ones(1, size, size), np.zeros((2 * size, 2 * size), dtype=bool)
    soft = torch.from_numpy(sketch.centre[None, None].astype(np.float32))
    near = (
        F.adaptive_max_pool2d(soft, 2 * size) if 2 * size < soft.shape[-1] else F.interpolate(soft, 2 * size)
    )
    paper = torch.from_numpy(np.asarray(sketch.picture, dtype=np.float32) / 255)[None]
    return paper, skeleton(near[0, 0].numpy() > 0.5)


def drawn_by_guidance(
    model: TextToImage,
    predictor: EdgePredictor,
    papers: Tensor,
    words: list[str],
    seeds: list[int],
    steps: int,
) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] of drawings (B, 1, S, S), guided at the default dial."""
    beta, stop = build(SketchToImageParams, {"prompt": "drawing"}).dial()
    with torch.no_grad():
        condition, negative = encode_prompts(model, words, [""] * len(words), weighted=False)
        target = model.autoencoder.encode(papers.expand(-1, 3, -1, -1).to(model.device) * 2 - 1).float()
    scale = model.prompt_scale * (1 + model.words_gain * beta)
    guiders = [
        ClassifierFree(Condition(condition.text), Condition(negative.text), scale),
        SketchGuidance(predictor, target, beta, stop),
    ]
    noise, side = Noise(seeds, model.device), model.size // model.factor
    sampler = DPMSolverMultistep(model.schedule)
    run = Predictor(model.denoiser, model.schedule, guiders)
    start = noise.normal((model.autoencoder.channels, side, side))
    latent = sampler.image(sample(sampler, run, start, model.times(steps), noise))
    with torch.no_grad():
        return (model.autoencoder.decode(latent).float().clamp(-1, 1).cpu() + 1) / 2
