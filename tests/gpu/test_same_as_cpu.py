"""A GPU draws what the CPU draws: the same noise, the same pictures up to the card's arithmetic."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from palitra.models.edge_predictor_files import load_edge_predictor
from palitra.models.text_to_image import load_folder
from palitra.recipes.together import Wish, draw_together
from palitra.spec.recipes import SketchToImageParams, TextToImageParams
from palitra.studio import Studio
from tests.tiny_studio import drawing, write_tiny_studio

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, this machine has none"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_tiny_studio(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def full_precision():
    """TF32 keeps 10 bits of a product: parity is about our code, not about that."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def studio(folders, device, dtype):
    made = Studio(load_folder(folders[0], torch.device(device), dtype), folders[1])
    made._predictor = load_edge_predictor(folders[1], torch.device(device))
    return made


def sketch():
    buffer = io.BytesIO()
    drawing().save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "euler", "heun", "dpm++"])
def test_words_give_the_same_pictures(folders, sampler):
    drawn = [
        studio(folders, device, torch.float32).text("a cat", n=2, seed=3, steps=6, sampler=sampler)
        for device in ("cpu", "cuda")
    ]
    assert levels_apart(*drawn) <= 1


def test_a_sketch_gives_the_same_picture(folders):
    drawn = [
        studio(folders, device, torch.float32).sketch(sketch(), "a cat", seed=3, steps=6)
        for device in ("cpu", "cuda")
    ]
    assert levels_apart(*drawn) <= 2  # the gradient's direction is a quotient of small numbers


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_finite_and_near(folders, dtype):
    exact = studio(folders, "cuda", torch.float32).sketch(sketch(), "a cat", seed=3, steps=6)
    rough = studio(folders, "cuda", dtype).sketch(sketch(), "a cat", seed=3, steps=6)
    apart = np.abs(pixels(exact)[0] - pixels(rough)[0])
    assert np.isfinite(apart).all()
    assert apart.mean() < 16


def test_a_batch_equals_its_singles(folders):
    made = studio(folders, "cuda", torch.float32)
    wishes = [
        Wish(SketchToImageParams(prompt=f"a {w}", seed=i, steps=4), made.prepare(sketch()))
        for i, w in enumerate(("cat", "dog", "house", "horse"))
    ]

    class Heard:
        def __init__(self):
            self.pictures = {}

        def step(self, *_):
            pass

        def picture(self, wish, picture):
            self.pictures[wish] = np.asarray(picture.image, dtype=int)

        def dropped(self):
            return set()

    together = Heard()
    draw_together(made.model, wishes, together, made.predictor()[0])
    for i, wish in enumerate(wishes):
        alone = Heard()
        draw_together(made.model, [wish], alone, made.predictor()[0])
        assert np.abs(alone.pictures[0] - together.pictures[i]).max() <= 2


def test_memory_is_given_back(folders):
    made = studio(folders, "cuda", torch.float32)
    made.text(**TextToImageParams(prompt="a cat", steps=2).model_dump(exclude={"recipe", "model"}))
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        made.sketch(sketch(), "a cat", steps=3)
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_mini_trains(tmp_path, monkeypatch):
    from palitra.train.mini import MiniTrainer
    from palitra.train.mini_prepare import prepare_mini
    from tests.train.tiny_mini import TINY, captioned_set

    monkeypatch.setattr("palitra.train.mini_prepare.read_captioned", lambda *_: captioned_set())
    config = replace(TINY, bf16=True)
    trainer = MiniTrainer(prepare_mini(tmp_path, config, tmp_path), config, tmp_path, torch.device("cuda"))
    losses = [trainer.step(i) for i in range(6)]
    assert all(np.isfinite(losses))


def pixels(run):
    return [np.asarray(p.image, dtype=int) for p in run.pictures]


def levels_apart(one, other):
    return max(np.abs(a - b).max() for a, b in zip(pixels(one), pixels(other), strict=True))
