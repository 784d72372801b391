"""Numbers of patches, by hand and against patches that were written out."""

import torch

from glstylenet.matching.patch_grid import PatchGrid


def test_corners_of_one_feature_by_hand() -> None:
    """4 x 5 positions have 2 x 3 patches; the second row of them begins one row of positions further."""
    grid = PatchGrid(((4, 5),))
    assert grid.corners(torch.arange(6)).tolist() == [0, 1, 2, 5, 6, 7]
    assert grid.strides(torch.arange(6)) == 5
    assert grid.feature_of(torch.arange(6)).tolist() == [0] * 6


def test_corners_of_several_features_by_hand() -> None:
    """After 20 positions and 6 patches of the first, 3 x 3 positions with one patch, then 3 x 4 with two."""
    grid = PatchGrid(((4, 5), (3, 3), (3, 4)))
    assert [grid.first_patch(number) for number in range(3)] == [0, 6, 7]
    index = torch.tensor([[5, 6], [7, 8]])
    assert grid.corners(index).tolist() == [[7, 20], [29, 30]]
    strides = grid.strides(index)
    assert isinstance(strides, torch.Tensor)
    assert strides.tolist() == [[5, 3], [4, 4]]
    assert grid.feature_of(index).tolist() == [[0, 1], [2, 2]]
