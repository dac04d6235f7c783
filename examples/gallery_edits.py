"""docs/gallery/edits.png: one picture made into a painting by every method of editing.

    python examples/gallery_edits.py [OUT]

The photo is drawn by the embedded model itself from a sketch, so that nobody's picture is shown.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import palitra
from palitra.data.sheets import contact_sheet
from palitra.errors import InputError
from palitra.recipes.editing.methods import METHODS

THING, SEED = "house", 1
SKETCHES = Path(__file__).parent / "sketches"


def main(out: Path) -> None:
    studio = palitra.load("mini")
    drawn = studio.prepare(SKETCHES / f"{THING}.png")
    photo = studio.sketch(drawn, f"a photo of a {THING}", fidelity=0.8, seed=SEED).pictures[0].image
    images, captions = [photo], ["photo"]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "photo.png"
        photo.save(file)
        for method in METHODS:
            try:
                run = studio.edit(
                    file,
                    f"a painting of a {THING}",
                    f"a photo of a {THING}",
                    method=method,
                    preset="style",
                    steps=30,
                )
            except InputError as error:
                print(f"{method}: {error}")
                continue
            images.append(run.pictures[0].image)
            captions.append(method)
            print(f"{method}: {run.seconds:.1f} s")
    sheet = contact_sheet(
        images, 5, captions=captions, title=f"a photo of a {THING} → a painting of a {THING}"
    )
    sheet.save(out)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/gallery/edits.png"))
