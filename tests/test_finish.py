"""The photographic finish: constants, the identity, straight lines, regions, a literal oracle."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.pictures.guided_filter import PHOTO_EPSILON, guided_filter, photo_finish, photo_radius


def _noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _literal(
    guide: NDArray[np.float64],
    source: NDArray[np.float64],
    radius: int,
    epsilon: float,
    mask: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rect by window: ridge regression of the source on the guide, then the mean of all windows' answers.

    ``guide``, ``source`` (H, W, 3), ``mask`` (H, W). The regression is solved as a least-squares system with
    the ridge as additional rows, so that no formula of the module is repeated.
    """
    height, width = mask.shape
    slopes, offsets = np.zeros((height, width, 3, 3)), np.zeros((height, width, 3))
    windows = {}
    for y in range(height):
        for x in range(width):
            rows = slice(max(0, y - radius), y + radius + 1)
            columns = slice(max(0, x - radius), x + radius + 1)
            windows[y, x] = rows, columns
            weight = mask[rows, columns].reshape(-1)
            colours = guide[rows, columns].reshape(-1, 3)
            wanted = source[rows, columns].reshape(-1, 3)
            root = np.sqrt(weight)[:, None]
            design = np.hstack([colours, np.ones((len(colours), 1))]) * root
            ridge = np.hstack([np.eye(3) * np.sqrt(epsilon * weight.sum()), np.zeros((3, 1))])
            answer, *_ = np.linalg.lstsq(
                np.vstack([design, ridge]), np.vstack([wanted * root, np.zeros((3, 3))]), rcond=None
            )
            slopes[y, x], offsets[y, x] = answer[:3], answer[3]
    result = np.zeros_like(source)
    for (y, x), (rows, columns) in windows.items():
        weight = mask[rows, columns]
        share = weight / weight.sum()
        slope = np.einsum("hw,hwij->ij", share, slopes[rows, columns])
        offset = np.einsum("hw,hwj->j", share, offsets[rows, columns])
        result[y, x] = guide[y, x] @ slope + offset
    return result


@pytest.mark.parametrize("radius", [1, 2, 9])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_least_squares_in_every_window(radius: int, masked: bool) -> None:
    guide, source = _noise(1, 1, 3, 7, 9), _noise(2, 1, 3, 7, 9)
    mask = 0.2 + 0.8 * _noise(3, 1, 1, 7, 9) if masked else None
    plain = np.ones((7, 9)) if mask is None else mask[0, 0].double().numpy()
    pictures = [picture[0].permute(1, 2, 0).double().numpy() for picture in (guide, source)]
    expected = _literal(pictures[0], pictures[1], radius, 1e-2, plain)
    found = guided_filter(guide, source, radius, 1e-2, mask=mask)[0].permute(1, 2, 0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=2e-6)


def test_a_constant_source_stays() -> None:
    source = torch.tensor([0.25, 0.5, 0.75]).view(1, 3, 1, 1).expand(1, 3, 20, 30)
    result = guided_filter(_noise(0, 1, 3, 20, 30), source, 4, PHOTO_EPSILON)
    torch.testing.assert_close(result, source.contiguous(), rtol=0, atol=1e-6)


def test_a_constant_guide_blurs_and_stays_finite() -> None:
    guide = torch.full((1, 3, 9, 9), 0.3)
    source = torch.zeros(1, 3, 9, 9)
    source[..., 4, 4] = 1.0
    result = guided_filter(guide, source, 1, PHOTO_EPSILON)
    # Two means of 3 x 3 after each other: 1/9 of 1/9 of the windows that hold the point, 9 at the centre.
    assert result[0, 0, 4, 4].item() == pytest.approx(9 / 81, abs=1e-6)
    assert result[0, 0, 4, 6].item() == pytest.approx(3 / 81, abs=1e-6)
    assert result[0, 0, 4, 7].item() == pytest.approx(0.0, abs=1e-6)


def test_guided_by_itself_with_a_tiny_epsilon_it_changes_nothing() -> None:
    picture = _noise(5, 1, 3, 24, 18)
    result = guided_filter(picture, picture, 3, 1e-9)
    torch.testing.assert_close(result, picture, rtol=0, atol=1e-5)
    assert float((guided_filter(picture, picture, 3, 1.0) - picture).abs().max()) > 0.1


def test_an_affine_change_of_the_guide_passes_through() -> None:
    """The result is a locally affine function of the guide: a global one is reproduced."""
    guide = _noise(6, 1, 3, 16, 16)
    mix = torch.tensor([[0.2, 0.5, 0.1], [0.0, 0.3, 0.3], [-0.4, 0.0, 0.2]])
    source = torch.einsum("ij,bjhw->bihw", mix, guide) + torch.tensor([0.1, 0.2, 0.5]).view(1, 3, 1, 1)
    torch.testing.assert_close(guided_filter(guide, source, 4, 1e-9), source, rtol=0, atol=1e-5)


def test_a_wobbly_edge_becomes_straight_and_stays_in_place() -> None:
    """Guide: dark left of column 20, bright from there on. Source: the same edge, wobbling by 2 pixels."""
    content, stylised = torch.full((1, 3, 60, 40), 30.0), torch.full((1, 3, 60, 40), 60.0)
    content[..., 20:] = 220.0
    for y in range(60):
        stylised[:, :, y, 20 + (-2, 0, 2, 0)[y % 4] :] = 180.0
    before = (stylised[0, 0] > 120).float().sum(dim=1)
    assert len(set(before.tolist())) > 1  # the source's edge is not straight
    result = photo_finish(stylised, content)[0, 0]
    edge = (result > 120).float().sum(dim=1)
    assert edge.tolist() == [20.0] * 60
    # What is left of the wobble down each column is a fiftieth of the 52 grey levels it had.
    assert float(result[10:50].std(dim=0).max()) < 2
    assert float(result[:, 20:].mean() - result[:, :20].mean()) > 100


def test_an_edge_of_the_source_alone_vanishes() -> None:
    """Where the guide is flat the result is smooth: flat patches of a broken sky melt."""
    content = torch.full((1, 3, 40, 40), 128.0)
    stylised = torch.full((1, 3, 40, 40), 60.0)
    stylised[..., 20:] = 180.0
    result = photo_finish(stylised, content)[0, 0]
    steps = (result[:, 1:] - result[:, :-1]).abs()
    assert float(steps.max()) < 40  # it was 120
    assert float(result.mean()) == pytest.approx(120.0, abs=1.0)


def test_classes_keep_their_colours_apart() -> None:
    """A flat guide would mix both halves; with the classes given, no colour crosses the border."""
    content = torch.full((1, 3, 30, 40), 128.0)
    stylised = torch.zeros(1, 3, 30, 40)
    stylised[:, 0, :, :20] = 200.0
    stylised[:, 2, :, 20:] = 100.0
    classes = torch.zeros(1, 2, 30, 40)
    classes[:, 0, :, :20] = 1.0
    classes[:, 1, :, 20:] = 1.0
    apart = photo_finish(stylised, content, class_channels=classes)
    torch.testing.assert_close(apart, stylised, rtol=0, atol=1e-3)
    mixed = photo_finish(stylised, content)
    assert float((mixed - stylised).abs().max()) > 30


def test_an_empty_class_changes_nothing() -> None:
    content, stylised = 255 * _noise(7, 1, 3, 20, 20), 255 * _noise(8, 1, 3, 20, 20)
    classes = torch.cat((torch.ones(1, 1, 20, 20), torch.zeros(1, 1, 20, 20)), dim=1)
    torch.testing.assert_close(
        photo_finish(stylised, content, class_channels=classes), photo_finish(stylised, content)
    )


def test_where_the_mask_is_empty_the_source_stays() -> None:
    guide, source = _noise(9, 1, 3, 12, 20), _noise(10, 1, 3, 12, 20)
    mask = torch.zeros(1, 1, 12, 20)
    mask[..., :5] = 1.0
    result = guided_filter(guide, source, 2, PHOTO_EPSILON, mask=mask)
    assert torch.equal(result[..., 7:], source[..., 7:])
    assert not torch.equal(result[..., :5], source[..., :5])


def test_the_finish_stays_within_the_colours() -> None:
    content, stylised = 255 * _noise(11, 1, 3, 33, 21), 255 * _noise(12, 1, 3, 33, 21).round()
    result = photo_finish(stylised, content)
    assert result.shape == stylised.shape
    assert result.dtype == torch.float32
    assert 0.0 <= float(result.min()) <= float(result.max()) <= 255.0


def test_the_radius_grows_with_the_picture() -> None:
    assert photo_radius((525, 700)) == photo_radius((700, 525)) == 30
    assert photo_radius((1400, 100)) == 60
    assert photo_radius((32, 32)) == 2
