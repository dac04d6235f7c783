import numpy as np
import pytest
import torch
from PIL import Image

from palitra.errors import InputError, ModelNotFoundError
from palitra.train import drawing_pack, pseudo_pairs
from palitra.train.captioned import CONCEPTS
from palitra.train.drawing_pack import read_drawings
from palitra.train.live_config import DrawingConfig
from tests.tiny_studio import drawing
from tests.train.tiny_mini import captioned_set

SMALL = DrawingConfig(pictures=5, human_pictures=3, human_steps=2)


@pytest.fixture(scope="module")
def asked():
    """How often pictures were read."""
    return []


@pytest.fixture(scope="module", autouse=True)
def made_sets(asked):
    blank = Image.new("RGB", (64, 64), "white")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing_pack, "PART", 2)
        patch.setattr(pseudo_pairs, "PART", 2)
        patch.setattr(
            drawing_pack, "read_captioned", lambda *a: asked.append("photos") or captioned_set(6, 128)
        )
        sketches = [(drawing(), "horse"), (blank, "elephant"), (drawing().rotate(90), "dog")]
        patch.setattr(pseudo_pairs, "human_sketches", lambda *a: asked.append("human") or sketches)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawings")


@pytest.fixture(scope="module")
def pack(studio, tiny_folders, folder):
    return read_drawings(studio.model, SMALL, folder, folder, tiny_folders[1])


def test_pictures_lines_and_words_belong_together(studio, pack):
    assert pack.latents.shape == (8, 2, 4, 8, 8)
    assert pack.lines.shape == (8, 5, 128 * 128 // 8)
    assert pack.human.tolist() == [False] * 5 + [True] * 3
    for row in range(8):
        said = [pack.texts[t] for t in pack.phrasings[row].tolist()]
        assert all(CONCEPTS[int(pack.concepts[row])] in text for text in said)
    # lines of noise are found somewhere, and in not the same way by all five
    some = pack.centres(torch.zeros(5, dtype=torch.long), torch.arange(5), torch.zeros(5))
    assert (some.sum((1, 2, 3)) > 0).any()


def test_human_lines_are_the_humans_and_a_blank_sheet_is_blank(pack):
    rows, nought = torch.tensor([5, 6]), torch.zeros(2, dtype=torch.long)
    drawn, blank = pack.centres(rows, nought, nought)
    assert blank.sum() == 0
    # a circle of three tenths of the side, thinned: its height is three fifths of 128 px
    heights = np.flatnonzero(drawn[0].any(1).numpy())
    assert 0.55 * 128 < heights.max() - heights.min() < 0.75 * 128


def test_a_finished_pack_needs_no_images(studio, tiny_folders, folder, pack, asked):
    before = list(asked)
    again = read_drawings(studio.model, SMALL, folder, folder / "nowhere", tiny_folders[1])
    assert torch.equal(again.lines, pack.lines)
    assert asked == before


def test_a_stop_between_parts_changes_nothing(studio, tiny_folders, folder, pack, tmp_path):
    read_drawings(studio.model, SMALL, tmp_path, tmp_path, tiny_folders[1])
    for part in ("photos", "human"):
        (tmp_path / part / "index.json").unlink()
        (tmp_path / part / "0001.safetensors").unlink()
        (tmp_path / part / "0002.safetensors").unlink(missing_ok=True)
    again = read_drawings(studio.model, SMALL, tmp_path, tmp_path, tiny_folders[1])
    for name in ("latents", "lines", "human", "concepts", "phrasings"):
        assert torch.equal(getattr(again, name), getattr(pack, name))


def test_a_pack_of_another_code_is_refused(studio, tiny_folders, folder, pack):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing_pack, "code_of", lambda model: "another")
        with pytest.raises(InputError, match="were made with another: delete the folder"):
            read_drawings(studio.model, SMALL, folder, folder, tiny_folders[1])


def test_human_sketches_need_an_edge_predictor(studio, tmp_path):
    with pytest.raises(ModelNotFoundError, match="needs an edge predictor"):
        read_drawings(studio.model, SMALL, tmp_path, tmp_path, tmp_path / "none")
