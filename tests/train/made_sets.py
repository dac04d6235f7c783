"""Made image sets in the layout of the real ones, small enough to train every embedded model in seconds."""

import io
import json

import numpy as np
from PIL import Image

COLOURS = {
    "cat": (200, 60, 60),
    "dog": (60, 60, 200),
    "horse": (200, 200, 60),
    "elephant": (120, 120, 140),
    "giraffe": (220, 160, 60),
    "guitar": (160, 90, 40),
    "house": (90, 200, 120),
    "frog": (60, 200, 60),
}


def cell(colour, size: int, seed: int, form: str = "JPEG") -> dict:
    """A patch of light on a colour."""
    y, x = np.mgrid[:size, :size] / size
    g = np.random.default_rng(seed)
    light = 70 * np.exp(-12 * ((x - g.uniform(0.2, 0.8)) ** 2 + (y - g.uniform(0.2, 0.8)) ** 2))
    pixels = (np.array(colour) * 0.7 + light[..., None]).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return {"bytes": buffer.getvalue(), "path": None}


def made_tables() -> dict[str, list[dict]]:
    """Rows by file."""
    article = {"elephant": "an"}
    cifar = [
        {"label": c, "caption": f"a photo of a {c}", "image": cell(COLOURS[c], 32, i)}
        for i, c in enumerate(["cat", "frog", "dog"] * 20)
    ]
    pets = [
        {
            "label": c,
            "breed": "siamese" if c == "cat" and i % 4 == 0 else "",
            "caption": f"a photo of a {'siamese ' if c == 'cat' and i % 4 == 0 else ''}{c}",
            "image": cell(COLOURS[c], 128, i),
        }
        for i, c in enumerate(["cat", "dog"] * 5)
    ]
    pacs = [
        {
            "label": c,
            "domain": d,
            "pair": "",
            "caption": f"a {d} of {article.get(c, 'a')} {c}",
            "image": cell((240, 240, 240) if d == "sketch" else COLOURS[c], 128, 10 * i + j),
        }
        for i, c in enumerate(("dog", "elephant", "giraffe", "guitar", "horse", "house"))
        for j, d in enumerate(("photo", "painting", "sketch"))
    ]
    pacs += [
        {**pacs[0], "label": "person", "domain": "photo", "caption": "a photo of a person"},
        {**pacs[1], "label": "person", "domain": "sketch", "caption": "a sketch of a person"},
    ]
    video = [
        {
            "identity": str(p),
            "video": str(v),
            "landmarks": json.dumps([[64, 64]] * 68),
            "caption": "a photo of a person",
            "image": cell((60 * p, 50 * p, 40 * p), 128, 3 * p + v),
        }
        for p in range(1, 4)
        for v in range(2)
    ]
    lfw = [
        {
            "identity": str(p),
            "emotion": "",
            "caption": "a photo of a person",
            "image": cell((60 * p,) * 3, 128, 9 * p + i),
        }
        for p in range(1, 3)
        for i in range(2)
    ]
    tables = {"cifar10": cifar, "pets": pets, "pacs": pacs, "faces-video": video, "faces-lfw": lfw}
    tables = {f"{name}/train": rows for name, rows in tables.items()}
    return tables | {f"bsds500/{split}": [outlined(i) for i in range(2)] for split in ("train", "val")}


def outlined(seed: int) -> dict:
    """A bright rectangle and its outline, as 4 of 5 annotators marked it."""
    pixels, marks = np.full((48, 64, 3), 60, np.uint8), np.zeros((48, 64), np.uint8)
    pixels[10 + seed : 30, 12:44] = 210
    marks[10 + seed : 30, 12:44] = 204
    marks[11 + seed : 29, 13:43] = 0
    cells = []
    for array in (pixels, marks):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": None})
    return {"image": cells[0], "boundaries": cells[1], "annotators": 5}


def write_all_sets(root) -> None:
    """Every table as a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, rows in made_tables().items():
        path = root / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({key: [row[key] for row in rows] for key in rows[0]}), path)
