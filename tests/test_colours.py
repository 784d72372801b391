"""Colour statistics: they arrive, by the shortest way."""

import torch

from glstylenet.pictures.colour_transfer import match_colours


def _statistics(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    colours = picture[0].flatten(1)
    return colours.mean(dim=1), torch.cov(colours)


def test_mean_and_covariance_are_the_sources() -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[20.0, 5.0, 0.0], [0.0, 10.0, 3.0], [4.0, 0.0, 15.0]])
    noise = torch.randn((2, 3, 4000), generator=generator)
    picture = (noise[0] * 12 + 120).view(1, 3, 50, 80)
    source = (mixing @ noise[1] + torch.tensor([[140.0], [110.0], [90.0]])).view(1, 3, 40, 100)
    mean, covariance = _statistics(match_colours(picture, source))
    source_mean, source_covariance = _statistics(source)
    torch.testing.assert_close(mean, source_mean, atol=0.1, rtol=0)
    torch.testing.assert_close(covariance, source_covariance, atol=1.0, rtol=0.01)


def test_equal_statistics_change_nothing() -> None:
    picture = torch.rand((1, 3, 20, 20), generator=torch.Generator().manual_seed(1)) * 200 + 20
    torch.testing.assert_close(match_colours(picture, picture.flip(2)), picture, atol=0.01, rtol=0)


def test_brightness_alone_is_scaled_and_shifted() -> None:
    """Where only grey varies, the map is t(x) = mean_s + (sigma_s / sigma_p) (x - mean_p)."""
    grey = torch.linspace(0, 100, 64).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    twice = grey * 2 + 30
    torch.testing.assert_close(match_colours(grey, twice), twice, atol=0.5, rtol=0)


def test_one_coloured_pictures_stay_finite_and_in_range() -> None:
    flat, black = torch.full((1, 3, 5, 5), 128.0), torch.zeros(1, 3, 4, 4)
    varied = torch.rand(1, 3, 6, 6) * 255
    for picture in (flat, black, varied):
        for source in (flat, black, varied):
            moved = match_colours(picture, source)
            assert bool(moved.isfinite().all())
            assert float(moved.min()) >= 0
            assert float(moved.max()) <= 255
    torch.testing.assert_close(match_colours(varied, flat).mean(), torch.tensor(128.0), atol=0.1, rtol=0)


def test_with_maps_each_class_takes_the_colours_of_its_own_kind() -> None:
    generator = torch.Generator().manual_seed(2)
    picture = torch.rand((1, 3, 20, 20), generator=generator) * 60 + 100
    source = torch.rand((1, 3, 16, 24), generator=generator) * 40
    source[..., :12] += torch.tensor([150.0, 20.0, 60.0]).view(3, 1, 1)
    left, right = torch.zeros(1, 1, 16, 24), torch.zeros(1, 1, 16, 24)
    left[..., :12], right[..., 12:] = 1.0, 1.0
    top, bottom = torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 20)
    top[..., :10, :], bottom[..., 10:, :] = 1.0, 1.0
    moved = match_colours(
        picture, source, picture_map=torch.cat((top, bottom), 1), source_map=torch.cat((left, right), 1)
    )
    for part, kind in ((moved[..., :10, :], source[..., :12]), (moved[..., 10:, :], source[..., 12:])):
        torch.testing.assert_close(part.mean(dim=(0, 2, 3)), kind.mean(dim=(0, 2, 3)), atol=0.5, rtol=0)


def test_a_class_that_the_source_lacks_takes_the_colours_of_the_whole() -> None:
    picture = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(3)) * 100 + 50
    source = torch.rand((1, 3, 9, 9), generator=torch.Generator().manual_seed(4)) * 100 + 80
    only_second = torch.cat((torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)), 1)
    only_first = torch.cat((torch.ones(1, 1, 9, 9), torch.zeros(1, 1, 9, 9)), 1)
    moved = match_colours(picture, source, picture_map=only_second, source_map=only_first)
    torch.testing.assert_close(moved, match_colours(picture, source))
