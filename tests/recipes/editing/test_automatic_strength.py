import pytest
import torch

from palitra.recipes.editing.automatic_strength import CANDIDATES, choose_strength
from palitra.recipes.editing.source_words import embedded_eye


@pytest.fixture(scope="module")
def eye():
    return embedded_eye()


def pictures(seed):
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, 3, 4, 4, generator=g)
    return torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear")


def test_when_words_gain_nothing_the_nearest_to_the_photo_wins(eye):
    photos, noise = pictures(0), torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    words = ["a photo"] * 2

    def draw(strength):
        return photos + strength * (noise - photos)

    best, scores = choose_strength(eye, photos, words, words, draw)
    assert best == CANDIDATES[0]
    assert scores == sorted(scores, reverse=True)


def test_a_candidate_that_says_the_words_wins_over_the_photo(eye):
    """The pictures that eye likes best for the words, among random ones, stand for a strong edit."""
    photos = pictures(0)
    source, target = "a photo of a horse", "a painting of a person"
    tried = [pictures(s) for s in range(20)]
    liked = max(tried, key=lambda p: float(eye.suggest(p * 255, [source, target])[:, 1].min()))

    def draw(strength):
        return liked if strength == 0.5 else photos

    before = eye.suggest(photos * 255, [source, target])[:, 1].mean()
    after = eye.suggest(liked * 255, [source, target])[:, 1].mean()
    best, scores = choose_strength(eye, photos, [source] * 2, [target] * 2, draw)
    from palitra.metrics.eye_distance import eye_distance

    gain = float(after - before) - 2 * float(eye_distance(eye, photos, liked).mean())
    assert scores[2] - scores[0] == pytest.approx(gain, abs=1e-6)
    assert (best == 0.5) is (gain > 0)
