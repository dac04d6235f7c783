"""The library's front door: a loaded model that draws from words and sketches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from palitra.core.progress import Hooks
from palitra.data.images import open_image, to_tensor
from palitra.data.notes import Note
from palitra.data.picture_files import read_recipe
from palitra.data.sketch_input import Sketch, normalise_sketch
from palitra.errors import InputError, ModelNotFoundError
from palitra.models.device import choose_device, choose_dtype
from palitra.models.edge_predictor_files import load_edge_predictor
from palitra.models.text_to_image import TextToImage, load_folder
from palitra.models.zoo import home, resolve
from palitra.recipes.class_conditional import ClassGenerator, load_classes
from palitra.recipes.draft_sketch import Drafts, check_same_live, draft_sketch
from palitra.recipes.edit import edit
from palitra.recipes.editing.inversion_store import InversionStore
from palitra.recipes.live_sketch import LiveSketcher
from palitra.recipes.picture import Run
from palitra.recipes.sketch_codec import unpack_sketch
from palitra.recipes.sketch_to_image import sketch_to_image
from palitra.recipes.text_to_image import text_to_image
from palitra.recipes.upscale import check_same_upscaler
from palitra.spec.build import build, recipe_params
from palitra.spec.edit import EditParams
from palitra.spec.recipes import SketchToImageParams, TextToImageParams

if TYPE_CHECKING:
    import torch

    from palitra.models.edge_predictor import EdgePredictor
    from palitra.recipes.generate import OnPicture

__all__ = ["ClassGenerator", "Studio", "load", "load_classes"]
Source = str | Path | bytes | BinaryIO
EMBEDDED = Path(__file__).parent / "weights"


def load(model: str = "mini", device: str = "auto", predictor: str | Path | None = None) -> Studio:
    """Load a model by name, folder or hub id.

    predictor: folder of an edge predictor; by default the one that belongs to the model's name.

    Raises:
        ModelNotFoundError: unknown, or its files are not here; says which file to put where.
        WeightsError: damaged, pickled or of another layout.
    """
    where = choose_device(device)
    folder = resolve(model)
    loaded = load_folder(folder, where, choose_dtype(where), name=model)
    return Studio(loaded, Path(predictor) if predictor else predictor_folder(model))


def predictor_folder(model: str) -> Path:
    """Where the edge predictor of a model lies.

    Embedded for `mini`; `sketch/` inside a model's own folder; else under the home folder's `sketch/`.
    """
    if (EMBEDDED / model).parent == EMBEDDED and (EMBEDDED / "sketch" / model).is_dir():
        return EMBEDDED / "sketch" / model
    if (Path(model) / "unet").is_dir():
        return Path(model) / "sketch"
    return home() / "sketch" / model.replace("/", "--")


def live_folder(model: str) -> Path:
    """Where the sketch adapter (`adapter/`) and the few-step student (`student/`) of a model lie.

    As its edge predictor: embedded for `mini`, `live/` inside a model's own folder, else in the home folder.
    """
    beside = predictor_folder(model)
    if beside.name == "sketch":
        return beside.with_name("live")
    return beside.parent.with_name("live") / beside.name


class Studio:
    """A model in memory. Pictures of one studio do not depend on each other."""

    def __init__(self, model: TextToImage, predictor: Path) -> None:
        self.model = model
        self.predictor_path = predictor
        self.inversions = InversionStore(home() / "inversions")
        self._predictor: tuple[EdgePredictor, float] | None = None
        self._live: LiveSketcher | None = None

    def text(
        self, prompt: str, *, hooks: Hooks | None = None, on_picture: OnPicture | None = None, **params: Any
    ) -> Run:
        """Pictures from words; `params` are the fields of `TextToImageParams`."""
        values = {"prompt": prompt, "model": self.model.name, **params}
        return text_to_image(self.model, build(TextToImageParams, values), hooks, on_picture)

    def sketch(
        self,
        image: Source | Sketch,
        prompt: str,
        *,
        strictness: Source | None = None,
        hooks: Hooks | None = None,
        on_picture: OnPicture | None = None,
        **params: Any,
    ) -> Run:
        """Pictures that keep the sketch's shape; `params` are the fields of `SketchToImageParams`.

        strictness: a grey picture laid over the sketch's square: white binds, black is free.
        """
        values = {"prompt": prompt, "model": self.model.name, **params}
        wish = build(SketchToImageParams, values)
        drawn = image if isinstance(image, Sketch) else self.prepare(image)
        where = None if strictness is None else read_strictness(strictness)
        if wish.quality == "draft":
            return draft_sketch(
                self.live(), drawn, wish, strictness=where, hooks=hooks, on_picture=on_picture
            )
        return sketch_to_image(
            self.model,
            self.predictor()[0],
            drawn,
            wish,
            strictness=where,
            hooks=hooks,
            on_picture=on_picture,
            drafts=self.drafts(drawn, wish, where, hooks),
        )

    def edit(
        self,
        photo: Source,
        target: str,
        source: str = "",
        *,
        mask: Source | None = None,
        hooks: Hooks | None = None,
        on_picture: OnPicture | None = None,
        on_notes: Callable[[Sequence[Note]], None] | None = None,
        **params: Any,
    ) -> Run:
        """The photo as `target` says, a line for each wish; `params` are the fields of `EditParams`.

        source: what the photo shows; guessed when empty. mask: of the photo's size, white may change.
        Inverted photos are kept in the home folder's `inversions/`, so that a second wish is cheaper.
        """
        values = {"target": target, "source": source, "model": self.model.name, **params}
        wish = build(EditParams, values)
        opened = open_image(photo, name="photo")
        return edit(
            self.model,
            opened.image,
            wish,
            mask=None if mask is None else open_image(mask, name="mask").image,
            store=self.inversions,
            hooks=hooks,
            on_picture=on_picture,
            on_notes=on_notes,
        )

    def prepare(self, image: Source) -> Sketch:
        """What the engine will see of a sketch: clean lines on a white square, with notes."""
        opened = open_image(image)
        sketch = normalise_sketch(opened.image, self.model.size, self.predictor()[1], edges=_lines_of_colours)
        return Sketch(sketch.lines, sketch.centre, sketch.picture, (*opened.notes, *sketch.notes))

    def predictor(self) -> tuple[EdgePredictor, float]:
        """The model's edge predictor and its line width, loaded once."""
        if self._predictor is None:
            if not self.predictor_path.is_dir():
                name = self.model.name
                raise ModelNotFoundError(
                    f"`model` {name} has no edge predictor: train one with "
                    f"`palitra train sketch --model {name}` or put its config.json and "
                    f"model.safetensors into {self.predictor_path}"
                )
            self._predictor = load_edge_predictor(self.predictor_path, self.model.device)
        return self._predictor

    def live(self) -> LiveSketcher:
        """The quick way from a sketch to a picture, made once; its first picture loads what it needs."""
        if self._live is None:
            self._live = LiveSketcher(self.model, self.predictor, live_folder(self.model.name))
        return self._live

    def drafts(
        self,
        sketch: Sketch,
        params: SketchToImageParams,
        strictness: torch.Tensor | None = None,
        hooks: Hooks | None = None,
    ) -> Drafts | None:
        """What `params.polish` goes over; None without it."""
        return None if params.polish is None else Drafts(self.live(), sketch, params, strictness, hooks)

    def again(self, file: str | Path, hooks: Hooks | None = None) -> Run:
        """Repeat the picture in a PNG from the recipe it carries: the same bytes on the same machine.

        Raises:
            InputError: no recipe, or one of another model.
        """
        recipe = read_recipe(Path(file))
        check_recipe(recipe, self.model)
        params = recipe_params(recipe["params"])
        if isinstance(params, EditParams):
            raise InputError("`file` must carry a recipe without a photo: an edited picture holds none of it")
        if isinstance(params, TextToImageParams):
            run = text_to_image(self.model, params, hooks, batch=recipe["batch"])
        else:
            assert isinstance(params, SketchToImageParams)
            sketch, strictness = unpack_sketch(recipe.get("sketch"))
            if params.quality == "draft":
                check_same_live(recipe, self.live())
                seeds = recipe["batch"]
                return draft_sketch(
                    self.live(), sketch, params, strictness=strictness, hooks=hooks, seeds=seeds
                )
            drafts = self.drafts(sketch, params, strictness, hooks)
            if drafts is not None:
                check_same_live(recipe, self.live())
            run = sketch_to_image(
                self.model,
                self.predictor()[0],
                sketch,
                params,
                strictness=strictness,
                hooks=hooks,
                batches=recipe["batches"] if params.begun() else [recipe["batch"]],
                drafts=drafts,
            )
        run.pictures[:] = [p for p in run.pictures if p.seed == recipe["seed"]]
        return run


def check_recipe(recipe: dict[str, Any], model: TextToImage) -> None:
    """Refuse a recipe that this model cannot repeat."""
    for key in ("params", "seed", "batch", "fingerprint"):
        if key not in recipe:
            raise InputError(f"`file` must carry a complete recipe, but its `{key}` is missing")
    if recipe["fingerprint"] != model.fingerprint:
        raise InputError(
            f"`file` was made with other weights of `{recipe.get('model')}` ({recipe['fingerprint']}), "
            f"these are {model.fingerprint}"
        )
    check_same_upscaler(recipe)


def read_strictness(source: Source) -> torch.Tensor:
    """A grey picture as a weight map (1, 1, H, W) in [0, 1], squared by white padding."""
    import torch.nn.functional as F

    grey = to_tensor(open_image(source, name="strictness").image.convert("L").convert("RGB"))[:, :1]
    height, width = grey.shape[-2:]
    extra = abs(height - width)
    before, after = extra // 2, extra - extra // 2
    return F.pad(grey, (0, 0, before, after) if width > height else (before, after, 0, 0), value=1.0)


def _lines_of_colours(picture: torch.Tensor) -> torch.Tensor:
    from palitra.data.edges import EdgeDetector

    detector: Callable[[torch.Tensor], torch.Tensor] = EdgeDetector.load()
    return detector(picture)
