"""Soft maps: the pixels of antialiased and feathered borders keep their shares of both classes."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from glstylenet.maps.labels import PictureMap, label_maps
from glstylenet.maps.semantics import Semantics
from glstylenet.pictures import read_picture

RED, GREEN, BLUE, YELLOW, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 0, 0)
HEIGHT, PLAIN = 24, 40


def _ramp(width: int) -> NDArray[np.float64]:
    """Shares of the second class: none on the left, a ramp of ``width`` pixels, all on the right."""
    steps = (np.arange(width) + 0.5) / width
    return np.concatenate([np.zeros(PLAIN), steps, np.ones(PLAIN)])


def _mixed(first: tuple[int, int, int], second: tuple[int, int, int], share: NDArray[np.float64]) -> Tensor:
    row = (1 - share[:, None]) * first + share[:, None] * second
    return torch.from_numpy(np.rint(row).astype(np.uint8)).T[None, :, None].expand(-1, -1, HEIGHT, -1)


def _label(*maps: Tensor, soft: bool = True, size: tuple[int, int] | None = None) -> Semantics:
    roles = ("content", "style")
    pictures = [
        PictureMap(each, role, size or (each.shape[2], each.shape[3]))
        for role, each in zip(roles, maps, strict=False)
    ]
    return label_maps(pictures, soft=soft)


def _share_of(semantics: Semantics, colour: tuple[int, int, int], number: int = 0) -> Tensor:
    [channel] = [k for k, each in enumerate(semantics.classes) if each.colour == colour]
    return semantics.channels[number][0, channel]


@pytest.mark.parametrize("width", [2, 5, 24, 60])
def test_a_border_of_any_width_has_the_drawn_shares(width: int) -> None:
    """Shares below a thirtieth are noise of the class beside them. Two classes of a soft brush stay two."""
    share = _ramp(width)
    found = _label(_mixed(RED, GREEN, share))
    assert {each.colour for each in found.classes} == {RED, GREEN}
    assert found.has_shades
    expected = np.where(np.minimum(share, 1 - share) < 0.033, np.rint(share), share)
    for row in _share_of(found, GREEN).numpy():
        np.testing.assert_allclose(row, expected, atol=0.003)
    torch.testing.assert_close(found.channels[0].sum(dim=1), torch.ones(1, HEIGHT, len(share)))


def test_a_mixed_pixel_is_of_the_classes_around_it() -> None:
    """Between red and green lies a dark yellow; yellow and black are elsewhere in the map."""
    border = _mixed(RED, GREEN, _ramp(6))
    rest = _mixed(YELLOW, BLACK, np.repeat([0.0, 1.0], (2 * PLAIN + 6) // 2))
    found = _label(torch.cat([border, rest], dim=2))
    middle = slice(PLAIN, PLAIN + 6)
    both = _share_of(found, RED) + _share_of(found, GREEN)
    torch.testing.assert_close(both[: HEIGHT - 8, middle], torch.ones(HEIGHT - 8, 6))
    assert float(_share_of(found, YELLOW)[:HEIGHT].max()) == 0.0
    assert float(_share_of(found, BLACK)[HEIGHT:, -PLAIN:].min()) == 1.0


def test_a_colour_that_is_no_mixture_keeps_its_class() -> None:
    """A speck of grey on a red and blue border belongs to one of both, as in a hard map."""
    pixels = _mixed(RED, BLUE, _ramp(4)).clone()
    pixels[..., 10:12, PLAIN] = torch.tensor([150, 150, 150], dtype=torch.uint8).view(1, 3, 1)
    found, hard = _label(pixels), _label(pixels, soft=False)
    assert torch.equal(found.channels[0][..., 10:12, PLAIN], hard.channels[0][..., 10:12, PLAIN])


def test_hard_maps_are_the_same() -> None:
    """To the last digit, and the classes, their order and what is said of them with them."""
    hard = _mixed(RED, GREEN, np.rint(_ramp(6)))
    soft, plain = (_label(hard, hard, soft=each) for each in (True, False))
    assert not soft.has_shades
    for ours, theirs in zip(soft.channels, plain.channels, strict=True):
        assert torch.equal(ours, theirs)
    assert (soft.classes, soft.warnings, soft.notes) == (plain.classes, plain.warnings, plain.notes)


def test_without_the_wish_borders_are_snapped() -> None:
    found = _label(_mixed(RED, GREEN, _ramp(24)), soft=False)
    assert not found.has_shades
    assert set(found.channels[0].flatten().tolist()) == {0.0, 1.0}


def test_a_map_of_another_size_is_resized_to_its_picture() -> None:
    pixels = _mixed(RED, GREEN, _ramp(24))
    small, large = _label(pixels), _label(pixels, size=(2 * HEIGHT, 2 * (2 * PLAIN + 24)))
    doubled = small.channels[0].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(large.channels[0], doubled)


def test_one_map_may_be_soft_and_the_other_hard() -> None:
    found = _label(_mixed(RED, GREEN, np.rint(_ramp(6))), _mixed(RED, GREEN, _ramp(24)))
    assert found.has_shades
    assert set(_share_of(found, RED, 0).flatten().tolist()) == {0.0, 1.0}
    assert 0.0 < float(_share_of(found, RED, 1)[0, PLAIN + 12]) < 1.0


def test_the_alpha_of_a_map_is_the_share_of_its_colour_beside_white() -> None:
    """A transparent map is laid over white, as in a hard one: what is half opaque is half white."""
    share = _ramp(16)
    values = np.zeros((HEIGHT, len(share), 4), np.uint8)
    values[..., 0] = 255
    values[..., 3] = np.rint(255 * share)
    found = _label(read_picture(values).over_white)
    assert {each.colour for each in found.classes} == {RED, (255, 255, 255)}
    expected = np.where(np.minimum(share, 1 - share) < 0.033, np.rint(share), share)
    for row in _share_of(found, RED).numpy():
        np.testing.assert_allclose(row, expected, atol=0.004)
