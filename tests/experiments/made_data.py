"""Image sets in their places, made of two kinds of brightness, small enough for seconds."""

import numpy as np
import torch

from palitra.experiments.processor_time import ProcessorClock
from palitra.experiments.trial import Place
from tests.zoo.toy_images import toy_images


def write_fashion(folder, count=120):
    """fashion-mnist/train.npz and test.npz, 28 px, without one picture in both."""
    (folder / "fashion-mnist").mkdir(parents=True)
    data = toy_images(2 * count, size=28)
    for split, rows in (("train", slice(0, count)), ("test", slice(count, None))):
        np.savez(
            folder / "fashion-mnist" / f"{split}.npz",
            images=data.images[rows, 0].numpy(),
            labels=data.labels[rows].numpy(),
            names=data.names,
        )
    return folder


def write_cifar(folder, count=60):
    """cifar10/train.parquet and test.parquet, 32 px PNG."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    (folder / "cifar10").mkdir(parents=True)
    data = toy_images(2 * count, size=32, channels=3)
    for split, start in (("train", 0), ("test", count)):
        cells = []
        for i in range(start, start + count):
            buffer = io.BytesIO()
            Image.fromarray(data.images[i].permute(1, 2, 0).numpy()).save(buffer, "PNG")
            cells.append({"bytes": buffer.getvalue(), "path": f"{i}.png"})
        labels = [data.names[k] for k in data.labels[start : start + count]]
        pq.write_table(pa.table({"image": cells, "label": labels}), folder / "cifar10" / f"{split}.parquet")
    return folder


def write_tiles(folder):
    """tiles/train.parquet and test.parquet, 32 px: unlike pictures, each of which is there four times."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    (folder / "tiles").mkdir(parents=True)
    g = torch.Generator().manual_seed(0)
    for split, order in (("train", ("crack", "free")), ("test", ("free", "crack"))):
        cells, labels = [], []
        for name in order:
            # the same scenes in both splits, under another grain
            scenes = 200 * torch.rand(
                10 if name == "free" else 6, 32, 32, generator=torch.Generator().manual_seed(len(name))
            )
            for scene in scenes.repeat_interleave(2, 0):
                grain = 20 * torch.rand(32, 32, generator=g)
                buffer = io.BytesIO()
                Image.fromarray((scene + grain).byte().numpy()).save(buffer, "PNG")
                cells.append({"bytes": buffer.getvalue(), "path": f"{len(cells)}.png"})
                labels.append(name)
        pq.write_table(pa.table({"image": cells, "label": labels}), folder / "tiles" / f"{split}.parquet")
    return folder


def place_in(folder, data):
    """Where a trial of a test works."""
    torch.manual_seed(0)
    return Place(folder / "trial", folder / "shared", data, ProcessorClock(folder / "trial" / "time.json"))
