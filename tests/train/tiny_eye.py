"""Made pictures for eye: a colour for every concept, a brightness pattern for every person."""

import io

import numpy as np
from PIL import Image

from palitra.train.eye_config import EyeConfig

TINY = EyeConfig(
    widths=(4, 8),
    sizes=(8, 12),
    sizes_from=(0.0, 0.5),
    samples=40,
    cifar10=4,
    pets=2,
    pacs=2,
    faces_video=1,
    faces_lfw=1,
    warmup=1,
    text_width=8,
    text_layers=1,
    embedding=6,
    bf16=False,
    save_every=2,
)
COLOURS = {"cat": (200, 40, 40), "frog": (40, 200, 40), "dog": (40, 40, 200), "horse": (200, 200, 40)}


def cell(colour, size: int, seed: int) -> dict:
    noise = np.random.default_rng(seed).integers(-30, 30, (size, size, 3))
    pixels = (np.array(colour) + noise).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def made_rows() -> dict[str, list[dict]]:
    """The columns of the five sets, a few pictures each."""
    cifar = [
        {"label": c, "caption": f"a photo of a {c}", "image": cell(COLOURS[c], 32, i)}
        for i, c in enumerate(["cat", "frog"] * 30)
    ]
    pets = [
        {
            "label": "cat",
            "breed": "siamese" if i % 2 else "",
            "caption": "a photo of a siamese cat" if i % 2 else "a photo of a cat",
            "image": cell(COLOURS["cat"], 20, i),
        }
        for i in range(6)
    ]
    pacs = [
        {
            "label": "horse",
            "domain": d,
            "caption": f"a {d} of a horse",
            "image": cell(COLOURS["horse"] if d == "photo" else (250, 250, 250), 20, i),
        }
        for i, d in enumerate(["photo", "sketch"] * 4)
    ]
    video = [
        {
            "identity": str(p),
            "video": str(v),
            "caption": "a photo of a person",
            "image": cell((60 * p, 60 * p, 60 * p), 20, p),
        }
        for p in range(1, 4)
        for v in range(2)
    ]
    lfw = [
        {"identity": str(p), "caption": "a photo of a person", "image": cell((50 * p,) * 3, 20, p)}
        for p in range(1, 3)
        for _ in range(2)
    ]
    return {"cifar10": cifar, "pets": pets, "pacs": pacs, "faces-video": video, "faces-lfw": lfw}


def write_sets(root) -> None:
    """The made rows as train.parquet of each set."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, rows in made_rows().items():
        (root / name).mkdir(parents=True)
        table = {key: [row[key] for row in rows] for key in rows[0]}
        pq.write_table(pa.table(table), root / name / "train.parquet")
