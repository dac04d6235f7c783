"""Runs as the benchmark leaves them: photos, a folder per arm, words."""

from PIL import Image

WORDS = "id,source,target,target_ru\n"


def make_runs(folder, arms=("ours", "theirs"), items=("a", "b", "c", "d"), size=(48, 32), words=True):
    """Pictures in one colour: the arm is the red, the item the green, photos are blue. Returns the arms."""
    rows = []
    for place in ("photos", *arms):
        (folder / place).mkdir(parents=True)
    for i, item in enumerate(items):
        Image.new("RGB", size, (0, 40 * i, 200)).save(folder / "photos" / f"{item}.png")
        rows.append(f"{item},a dog {i},a cat {i},кот {i}\n")
        for a, arm in enumerate(arms):
            Image.new("RGB", size, (100 + 50 * a, 40 * i, 0)).save(folder / arm / f"{item}.png")
    if words:
        (folder / "words.csv").write_text(WORDS + "".join(rows), encoding="utf-8")
    return [str(folder / arm) for arm in arms]
