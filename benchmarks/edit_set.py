"""A set of edits from the test splits of the data folder, for `palitra bench edit`.

    python benchmarks/edit_set.py OUT [--count 100]

Two types: dogs of pets to cats ("animal swap"), photos of pacs to paintings of them ("stylisation").
Writes the pictures, `edits.csv`, and `cats/`, the real cats of the test split as the reference of the swap.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path

from palitra.data.datasets import read_rows

Row = tuple[bytes, str, str, str]


def dogs(root: Path) -> Iterator[Row]:
    for row in read_rows(root / "pets" / "test.parquet", ["image", "label"]):
        if row["label"] == "dog":
            yield row["image"]["bytes"], "a photo of a dog", "a photo of a cat", "animal swap"


def photos(root: Path) -> Iterator[Row]:
    for row in read_rows(root / "pacs" / "test.parquet", ["image", "label", "domain"]):
        if row["domain"] == "photo":
            thing = f"{'an' if row['label'][0] in 'aeiou' else 'a'} {row['label']}"
            yield row["image"]["bytes"], f"a photo of {thing}", f"a painting of {thing}", "stylisation"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100, help="edits of each type")
    given = parser.parse_args()
    root = Path(os.environ["PALITRA_DATA"])
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "edits.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "image", "source", "target", "type"])
        for rows in (dogs(root), photos(root)):
            kept = [row for row, _ in zip(rows, range(given.count), strict=False)]
            for number, (content, source, target, kind) in enumerate(kept):
                name = f"{kind.split()[0]}-{number:03d}"
                (given.out / f"{name}.png").write_bytes(content)
                table.writerow([name, f"{name}.png", source, target, kind])
            print(f"{len(kept)} edits of {kept[0][3]}")
    cats = given.out / "cats"
    cats.mkdir(exist_ok=True)
    for number, row in enumerate(read_rows(root / "pets" / "test.parquet", ["image", "label"])):
        if row["label"] == "cat":
            (cats / f"{number:04d}.png").write_bytes(row["image"]["bytes"])
    print(f"{len(list(cats.iterdir()))} cats")


if __name__ == "__main__":
    main()
