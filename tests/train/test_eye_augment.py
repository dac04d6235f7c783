from dataclasses import replace

import torch

from palitra.train.eye_augment import augment, blur, change_colours, erase, lose_resolution, random_crops
from tests.train.tiny_eye import TINY


def pictures(n=40, size=16):
    made = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))
    return (255 * made).round().to(torch.uint8)


def g(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_seed_alone_decides():
    one, again, other = (augment(pictures().float(), TINY, g(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == (40, 3, 16, 16)
    assert (float(one.min()) >= 0, float(one.max()) <= 255) == (True, True)


def test_whole_crops_are_the_picture_or_its_mirror_image():
    # area 1 leaves the proportions free, but a side is never longer than the picture
    x = torch.arange(16.0).view(1, 1, 1, 16).expand(30, 3, 16, 16).to(torch.uint8)
    found = random_crops(x, 16, 1.0, g())
    rising = found[:, 0, 8, 15] > found[:, 0, 8, 0]
    assert 5 < int(rising.sum()) < 25
    assert torch.allclose(found[:, 0, 0], found[:, 0, 9], atol=1e-3)


def test_crops_of_flat_pictures_are_flat():
    x = torch.full((5, 3, 40, 40), 90, dtype=torch.uint8)
    assert torch.allclose(random_crops(x, 12, 0.3, g()), torch.full((5, 3, 12, 12), 90.0), atol=1e-3)


def test_nothing_happens_at_strength_zero():
    x = pictures().float()
    for change in (lose_resolution, blur, erase):
        assert torch.equal(change(x.clone(), 0.0, g()), x)


def test_grey_pictures_have_no_colour():
    found = change_colours(pictures().float(), 1.0, g())
    assert torch.allclose(found[:, 0], found[:, 1], atol=1e-3)
    mixed = change_colours(pictures().float(), 0.0, g())
    assert not torch.allclose(mixed[:, 0], mixed[:, 1], atol=1)


def test_blur_and_lost_resolution_lower_contrast_only():
    x = pictures().float()
    for change in (lose_resolution, blur):
        found = change(x.clone(), 1.0, g(1))
        assert float(found.std()) < float(x.std())
        assert torch.allclose(found.mean(), x.mean(), atol=2)


def test_erased_boxes_are_flat_and_no_larger_than_said():
    x = pictures().float() + 0.5
    found = erase(x.clone(), 1.0, g())
    gone = (found != x).any(1).flatten(1).float().mean(1)
    assert float(gone.max()) < 0.3
    assert float(gone.mean()) > 0.02
    assert torch.equal(erase(x.clone(), 0.0, g()), x)


def test_settings_are_heard():
    none = replace(TINY, grey=0.0, shrink=0.0, blur=0.0, erase=0.0)
    assert not torch.equal(augment(pictures().float(), none, g()), augment(pictures().float(), TINY, g()))
