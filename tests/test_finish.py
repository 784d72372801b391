"""The photographic finish: constants, the identity, contrast, straight lines, regions, a literal oracle."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch import Tensor

from glstylenet.pictures.local_colour_transfer import photo_finish


def _noise(seed: int, *shape: int) -> Tensor:
    return 255.0 * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _contrast(pixels: Tensor) -> float:
    return float(pixels.std(dim=(-2, -1)).mean())


def _halves(height: int, width: int, border: int) -> Tensor:
    """Return two classes (1, 2, height, width), left and right of column ``border``."""
    left = (torch.arange(width) < border).float().expand(1, 1, height, width)
    return torch.cat((left, 1.0 - left), dim=1)


def _literal(content: NDArray[np.float64], stylised: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel by pixel, both (H, W, 3): the module's formula for a picture of fewer pixels than cells.

    T is written as C^-1/2 (C^1/2 S C^1/2)^1/2 C^-1/2 with SciPy's square roots, means as ``np.average``.
    """
    height, width = content.shape[:2]
    places = np.moveaxis(np.mgrid[0:height, 0:width], 0, -1)
    slopes, offsets, windows = {}, {}, {}
    for place in np.ndindex(height, width):
        window = np.exp(-((places - place) ** 2).sum(axis=-1) / (2 * 2.8**2)).ravel()
        matrices, means = [], []
        for picture in (content, stylised):
            colours = picture.reshape(-1, 3)
            means.append(np.average(colours, axis=0, weights=window))
            matrices.append(np.cov(colours.T, aweights=window, ddof=0) + 16.0 * np.eye(3))
        ours, theirs = matrices
        theirs = theirs * max(1.0, np.trace(ours) / np.trace(theirs)) ** 0.25
        root = sqrtm(ours)
        slope = np.linalg.inv(root) @ sqrtm(root @ theirs @ root) @ np.linalg.inv(root)
        values, vectors = np.linalg.eigh(slope)
        slopes[place] = vectors @ np.diag(np.minimum(values, 2.0)) @ vectors.T
        offsets[place] = means[1] - slopes[place] @ means[0]
        windows[place] = window
    result = np.zeros_like(content)
    for place, window in windows.items():
        slope = np.average(list(slopes.values()), axis=0, weights=window)
        offset = np.average(list(offsets.values()), axis=0, weights=window)
        result[place] = slope @ content[place] + offset
    return result.clip(0.0, 255.0)


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_equals_the_formula_written_out(strength: float) -> None:
    content, stylised = 127 + strength * (_noise(1, 1, 3, 7, 9) - 127), _noise(2, 1, 3, 7, 9)
    pictures = [picture[0].permute(1, 2, 0).double().numpy() for picture in (content, stylised)]
    found = photo_finish(stylised, content)[0].permute(1, 2, 0)
    np.testing.assert_allclose(found.numpy(), _literal(pictures[0], pictures[1]), rtol=0, atol=0.01)


def test_a_constant_picture_stays_below_any_flat_content() -> None:
    stylised = torch.tensor([60.0, 120.0, 200.0]).view(1, 3, 1, 1).expand(1, 3, 20, 130)
    result = photo_finish(stylised, torch.full_like(stylised, 90.0))
    torch.testing.assert_close(result, stylised.contiguous(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(24, 18), (130, 200), (20, 1100)])
def test_the_content_itself_comes_back(size: tuple[int, int]) -> None:
    content = _noise(5, 1, 3, *size)
    torch.testing.assert_close(photo_finish(content, content), content, rtol=0, atol=0.05)


def test_colours_that_moved_all_alike_move_the_content_alike() -> None:
    content = 60 + 0.4 * _noise(6, 1, 3, 40, 50)
    mixed = torch.tensor([[1.3, 0.2, 0.0], [0.2, 1.1, 0.1], [0.0, 0.1, 1.2]])  # symmetric, positive
    stylised = torch.einsum("ij,bjhw->bihw", mixed, content) - 40
    torch.testing.assert_close(photo_finish(stylised, content), stylised, rtol=0, atol=1.5)


def test_contrast_rises_by_the_fourth_root_of_what_is_missing() -> None:
    """Halved contrast is a fourth of the variance; that grows by 4^(1/4), and 0.5 * 2^(1/4) = 0.595."""
    content = _noise(7, 1, 3, 60, 60)
    result = photo_finish(127 + 0.5 * (content - 127), content)
    assert _contrast(result) / _contrast(content) == pytest.approx(0.595, abs=0.005)


def test_strokes_that_ignore_the_content_cost_no_contrast() -> None:
    """A least-squares fit would be flat: the two noises do not depend on each other."""
    content, stylised = 50 + 0.5 * _noise(8, 1, 3, 80, 80), 50 + 0.6 * _noise(9, 1, 3, 80, 80)
    result = photo_finish(stylised, content)
    assert _contrast(result) == pytest.approx(_contrast(stylised), rel=0.06)
    pictures = torch.stack((result.flatten(), content.flatten()))
    assert float(torch.corrcoef(pictures)[0, 1]) > 0.97


def test_noise_of_flat_parts_grows_twofold_at_most() -> None:
    content, stylised = 120 + 0.02 * _noise(10, 1, 3, 60, 60), _noise(11, 1, 3, 60, 60)
    result = photo_finish(stylised, content)
    steps = (result.diff(dim=-1).std() / content.diff(dim=-1).std()).item()
    assert 1.5 < steps < 2.1


def test_a_wobbly_edge_becomes_straight_and_stays_in_place() -> None:
    """Content: dark left of column 20, bright from there on. Result: the same edge, wobbling by 2 pixels."""
    content, stylised = torch.full((1, 3, 60, 40), 30.0), torch.full((1, 3, 60, 40), 60.0)
    content[..., 20:] = 220.0
    for y in range(60):
        stylised[:, :, y, 20 + (-2, 0, 2, 0)[y % 4] :] = 180.0
    before = (stylised[0, 0] > 120).float().sum(dim=1)
    assert len(set(before.tolist())) > 1  # it is not straight
    result = photo_finish(stylised, content)[0, 0]
    edge = (result > 120).float().sum(dim=1)
    assert edge.tolist() == [20.0] * 60
    # What is left of the wobble down each column is a hundredth of the 52 grey levels it had.
    assert float(result[10:50].std(dim=0).max()) < 0.6
    assert float(result[:, 20:].mean() - result[:, :20].mean()) > 100


def test_an_edge_of_the_stylised_picture_alone_vanishes() -> None:
    """Where the content is flat the result is smooth: flat patches of a broken sky melt."""
    content = torch.full((1, 3, 40, 40), 128.0)
    stylised = torch.full((1, 3, 40, 40), 60.0)
    stylised[..., 20:] = 180.0
    result = photo_finish(stylised, content)[0, 0]
    assert float((result[:, 1:] - result[:, :-1]).abs().max()) < 15  # it was 120
    assert float(result.mean()) == pytest.approx(120.0, abs=1.0)


def test_classes_keep_their_colours_apart() -> None:
    """Left red, right blue, both flat: with the classes given, no colour crosses the border."""
    content, stylised = torch.full((1, 3, 30, 60), 100.0), torch.zeros(1, 3, 30, 60)
    content[..., 30:] = 150.0
    stylised[:, 0, :, :30] = 200.0
    stylised[:, 2, :, 30:] = 100.0
    apart = photo_finish(stylised, content, class_channels=_halves(30, 60, 30))
    torch.testing.assert_close(apart, stylised, rtol=0, atol=1.0)


def test_a_border_beside_the_contents_edge_moves_to_it() -> None:
    """The map's border is 2 columns left of the edge; a strip of the wrong class would show beside it."""
    content, stylised = torch.full((1, 3, 60, 120), 40.0), torch.zeros(1, 3, 60, 120)
    content[..., 60:] = 200.0
    stylised[:, 0, :, :60], stylised[:, 2, :, 60:] = 200.0, 100.0
    result = photo_finish(stylised, content, class_channels=_halves(60, 120, 58))
    red, blue = result[0, 0], result[0, 2]
    assert float(red[:, :60].min()) > 190
    assert float(red[:, 60:].max()) < 60  # of 200: the right class's colours were averaged over the strip
    assert float(blue[:, 60:].min()) > 90


def test_a_border_without_an_edge_stays_where_the_map_has_it() -> None:
    content, stylised = torch.full((1, 3, 30, 200), 128.0), torch.zeros(1, 3, 30, 200)
    stylised[:, 0, :, 100:] = 200.0
    red = photo_finish(stylised, content, class_channels=_halves(30, 200, 100))[0, 0]
    assert float(red[:, :85].max()) < 1
    assert float(red[:, 115:].min()) > 199
    assert int((red[15] > 100).sum()) == 100


def test_an_empty_class_changes_nothing() -> None:
    content, stylised = _noise(12, 1, 3, 20, 20), _noise(13, 1, 3, 20, 20)
    classes = torch.cat((torch.ones(1, 1, 20, 20), torch.zeros(1, 1, 20, 20)), dim=1)
    torch.testing.assert_close(
        photo_finish(stylised, content, class_channels=classes), photo_finish(stylised, content)
    )


def test_four_classes_may_meet_in_a_point() -> None:
    """There each feathered class has a fourth, which the sharper border reduces to nothing."""
    quarters = (_halves(40, 40, 20)[:, :, None] * _halves(40, 40, 20).mT[:, None]).flatten(1, 2)
    stylised = torch.full((1, 3, 40, 40), 77.0)
    result = photo_finish(stylised, torch.full_like(stylised, 10.0), class_channels=quarters)
    torch.testing.assert_close(result, stylised, rtol=0, atol=1e-3)


def test_the_finish_stays_within_the_colours() -> None:
    content, stylised = _noise(14, 1, 3, 33, 21), 255 * (_noise(15, 1, 3, 33, 21) / 255).round()
    result = photo_finish(stylised, content)
    assert result.shape == stylised.shape
    assert result.dtype == torch.float32
    assert 0.0 <= float(result.min()) <= float(result.max()) <= 255.0
    assert float(result.max()) == 255.0  # it would leave them


def test_windows_grow_with_the_picture() -> None:
    content, stylised = _noise(16, 1, 3, 96, 64), _noise(17, 1, 3, 96, 64)
    small = photo_finish(stylised, content)
    double = photo_finish(
        *(picture.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) for picture in (stylised, content))
    )
    inner = torch.nn.functional.avg_pool2d(double, 2)
    torch.testing.assert_close(inner, small, rtol=0, atol=1.5)  # of 255, at the border
