"""Near duplicates are found by correlation, join through others, and never lie on two sides."""

import numpy as np
import pytest
import torch

from palitra.balancing.near_duplicates import CHUNK, near_duplicate_groups, rows_without_near_duplicates
from palitra.balancing.task import make_task
from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages
from tests.balancing.blobs import NAMES, blobs, small_settings


def scenes(count, shots, noise=4.0, seed=0):
    """`shots` noisy pictures of each of `count` unlike scenes, scene by scene."""
    g = torch.Generator().manual_seed(seed)
    base = 255 * torch.rand(count, 1, 8, 8, generator=g)
    shown = base.repeat_interleave(shots, 0)
    return (shown + noise * torch.randn(shown.shape, generator=g)).clamp(0, 255).to(torch.uint8)


def test_shots_of_a_scene_are_one_group():
    groups = near_duplicate_groups(scenes(6, 4), 0.95)
    assert groups.view(6, 4).eq(groups.view(6, 4)[:, :1]).all()
    assert len(groups.unique()) == 6


def test_the_groups_are_those_of_numpys_correlations(monkeypatch):
    monkeypatch.setattr("palitra.balancing.near_duplicates.CHUNK", 7)
    images = scenes(5, 3, noise=40.0)
    alike = np.corrcoef(images.flatten(1).numpy().astype(float)) > 0.9
    # everything that can be reached through what is alike
    reached = np.linalg.matrix_power(alike.astype(int), len(images)) > 0
    groups = near_duplicate_groups(images, 0.9)
    assert ((groups[:, None] == groups).numpy() == reached).all()
    assert len(images) < len(groups.unique()) * 3


def test_groups_that_are_given_are_joined_too():
    given = torch.tensor([9, 1, 2, 9, 4, 5])
    groups = near_duplicate_groups(scenes(3, 2), 0.95, given)
    # scenes 0 and 1 are joined by the group 9
    assert groups[:4].unique().numel() == 1
    assert groups[4] == groups[5] != groups[0]


def test_brightness_and_contrast_do_not_hide_a_twin():
    images = scenes(2, 1)
    darker = (images.float() * 0.6 + 20).to(torch.uint8)
    assert near_duplicate_groups(torch.cat([images, darker]), 0.95).tolist() == [0, 1, 0, 1]


def test_flat_pictures_are_like_nothing():
    flat = torch.full((3, 1, 8, 8), 7, dtype=torch.uint8)
    assert len(near_duplicate_groups(flat, 0.95).unique()) == 3


def test_rows_near_to_others_are_left_out(monkeypatch):
    monkeypatch.setattr("palitra.balancing.near_duplicates.CHUNK", 2)
    images = scenes(4, 2)
    assert rows_without_near_duplicates(images, images[2:3], 0.95).tolist() == [0, 1, 4, 5, 6, 7]
    assert rows_without_near_duplicates(images, images[:0], 0.95).tolist() == list(range(8))
    assert CHUNK > 2


def test_no_shot_of_a_test_picture_is_left_in_the_pool():
    images = scenes(30, 3, seed=1)
    labels = torch.tensor([0] * 48 + [1] * 24 + [2] * 18)
    data = LabelledImages(images, labels, NAMES)
    task = make_task(data, None, small_settings(near_duplicates=0.95))
    assert len(task.pool) + len(task.test) == 90
    assert len(rows_without_near_duplicates(task.pool.images, task.test.images, 0.95)) == len(task.pool)
    assert task.groups is not None
    assert len(task.groups.unique()) == len(task.pool) // 3
    held = make_task(data, data.rows(torch.tensor([0, 48, 72])), small_settings(near_duplicates=0.95))
    assert held.leaks == 9
    assert len(held.pool) == 81


def test_a_bound_that_is_none_has_its_sentence():
    with pytest.raises(InputError, match=r"`near_duplicates` must be in \[0.5, 1\], got 2"):
        make_task(blobs(), None, small_settings(near_duplicates=2))
    with pytest.raises(InputError, match=r"`near_duplicates` must be in \[0.5, 1\], got 0.1"):
        near_duplicate_groups(scenes(2, 1), 0.1)
