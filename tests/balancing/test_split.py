"""No picture and no group on two sides; every class on both."""

import pytest
import torch

from palitra.balancing.split import cut_share, not_in, pieces
from palitra.errors import InputError
from palitra.zoo.labelled_images import LabelledImages
from tests.balancing.blobs import blobs


def test_a_split_is_a_partition_with_the_share_of_every_class():
    data = blobs((40, 20, 10))
    split = cut_share(data, 0.2, 3)
    assert torch.cat([split.kept, split.cut]).sort().values.equal(torch.arange(70))
    assert data.rows(split.cut).counts.tolist() == [8, 4, 2]
    assert cut_share(data, 0.2, 3).cut.equal(split.cut)
    assert not cut_share(data, 0.2, 4).cut.equal(split.cut)


@pytest.mark.parametrize("seed", range(5))
def test_equal_pixels_stay_together(seed):
    data = blobs()
    # every row three times
    data = data.rows(torch.arange(len(data)).repeat(3))
    split = cut_share(data, 0.3, seed)
    kept = {image.numpy().tobytes() for image in data.images[split.kept]}
    cut = {image.numpy().tobytes() for image in data.images[split.cut]}
    assert not kept & cut


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed):
    data = blobs()
    groups = torch.arange(len(data)) // 2
    split = cut_share(data, 0.25, seed, groups)
    assert not set(groups[split.kept].tolist()) & set(groups[split.cut].tolist())
    assert (data.rows(split.cut).counts > 0).all()


def test_pieces_join_through_others():
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([1, 1, 2, 3])
    assert pieces(images)[:2].unique().numel() == 1
    # 0 = 1 by pixels, 1 and 2 by group: one piece of three
    joined = pieces(images, torch.tensor([5, 6, 6, 7]))
    assert joined[:3].unique().numel() == 1
    assert joined[3] != joined[0]


def test_rows_of_the_test_are_found_in_the_training():
    data, test = blobs(), blobs(seed=1)
    assert len(not_in(data, test)) == len(data)
    both = LabelledImages(
        torch.cat([data.images, test.images[:4]]), torch.cat([data.labels, test.labels[:4]]), data.names
    )
    assert not_in(both, test).equal(torch.arange(len(data)))


def test_bad_input_is_named():
    data = blobs()
    same = data.images.clone()
    same[data.labels == 2] = 7
    with pytest.raises(InputError, match="2 different pictures of blue in 2 groups"):
        cut_share(LabelledImages(same, data.labels, data.names), 0.2, 0)
    with pytest.raises(InputError, match=r"`share` must be in .*got 0.7"):
        cut_share(data, 0.7, 0)
    with pytest.raises(InputError, match="`groups` must have one number for each of 40 pictures, got 3"):
        cut_share(data, 0.2, 0, torch.zeros(3))
