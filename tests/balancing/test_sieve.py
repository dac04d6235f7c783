"""What the sieve holds back, and how a class is filled through it."""

import pytest
import torch

from palitra.balancing.classifier import train_classifier
from palitra.balancing.lesson import Lesson
from palitra.balancing.sieve import REASONS, Sieve, SieveSettings
from palitra.balancing.synthetic import Synthetic, fill
from palitra.errors import InputError
from tests.balancing.blobs import LONGER, NO_SIEVE, Repeats, blobs


@pytest.fixture(scope="module")
def judge():
    torch.set_num_threads(1)
    return train_classifier(Lesson(blobs()), LONGER, 0)


def named(reasons):
    return [REASONS[i] for i in reasons.tolist()]


def test_wrong_classes_and_copies_are_held_back(judge):
    real = blobs()
    red, green = (real.images[real.labels == k][:3] for k in (0, 1))
    # no outliers here: the features of fresh blobs may lie anywhere
    sieve = Sieve(judge, real, SieveSettings(confidence=0.4, outliers=0))
    assert named(sieve.reasons(green, 0)) == ["wrong_class"] * 3
    assert named(sieve.reasons(red, 0)) == ["copy"] * 3


def test_noise_is_an_outlier(judge):
    sieve = Sieve(judge, blobs(), SieveSettings(confidence=0, copies=0, outliers=0.01))
    noise = torch.randint(0, 256, (3, 3, 8, 8)).byte()
    assert named(sieve.reasons(noise, 0)) == ["outlier"] * 3


def test_nothing_passes_twice_and_no_real_pixels_pass(judge):
    real, fresh = blobs(), blobs(seed=7)
    sieve = Sieve(judge, real, NO_SIEVE)
    both = torch.cat([fresh.images[:2], fresh.images[:1], real.images[:1]])
    assert named(sieve.reasons(both, 0)) == ["kept", "kept", "twice", "twice"]
    assert named(sieve.reasons(fresh.images[1:3], 0)) == ["twice", "kept"]


def test_without_bounds_all_fresh_pictures_stay(judge):
    fresh = blobs(seed=8)
    assert (Sieve(judge, blobs(), NO_SIEVE).reasons(fresh.images, 2) == 0).all()


def test_filling_reaches_the_target_or_says_how_short_it_is():
    rows = [torch.arange(50, dtype=torch.uint8).view(-1, 1, 1, 1).expand(50, 1, 8, 8)] * 3

    class EveryThird:
        def reasons(self, images, label):
            return torch.where(images[:, 0, 0, 0] % 3 == 0, 0, 1) if label == 2 else torch.ones(len(images))

    made = fill(Repeats(rows), EveryThird(), [0, 4, 6], (1, 8, 8), seed=0)
    assert made.labels.tolist() == [2] * 6
    assert made.tally[2]["kept"] == 6
    assert (made.tally[1]["kept"], made.tally[1]["drawn"], made.tally[1]["wrong_class"]) == (0, 20, 20)
    assert len(made.seeds.unique()) == 6


def test_what_is_made_is_kept_whole(tmp_path):
    made = fill(Repeats([blobs().images] * 3), None, [0, 3, 2], (3, 8, 8), seed=1)
    made.save(tmp_path / "made.safetensors")
    again = Synthetic.load(tmp_path / "made.safetensors")
    assert again.images.equal(made.images)
    assert again.seeds.equal(made.seeds)
    assert again.tally == made.tally
    (tmp_path / "made.safetensors").write_bytes(b"half")
    assert Synthetic.load(tmp_path / "made.safetensors") is None


def test_bounds_are_named():
    with pytest.raises(InputError, match=r"`confidence` must be in \[0, 1\], got 2"):
        SieveSettings(confidence=2).check()
    with pytest.raises(InputError, match=r"`copies` must be in \[0, 0.5\], got 0.9"):
        SieveSettings(copies=0.9).check()
