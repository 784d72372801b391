"""Metrics: numbers worked by hand on small arrays, and the order of cases that anybody can see."""

import math
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.matching.exact import Matches, match_patches
from glstylenet.metrics.colour import colour_distance, lab_colours
from glstylenet.metrics.colourfulness import colourfulness, colourfulness_ratio
from glstylenet.metrics.features import TEXTURE_LAYERS, fused_feature, load_metric_network
from glstylenet.metrics.glitches import glitch_ratio
from glstylenet.metrics.leaks import leak_share
from glstylenet.metrics.lines import REACH, line_deviation, straight_segments
from glstylenet.metrics.luminance import luminance
from glstylenet.metrics.plausibility import coherence, patch_distance
from glstylenet.metrics.sharpness import high_frequency_energy, sharpness_ratio
from glstylenet.metrics.structure import MOST_POSITIONS, self_similarity_distance, structural_similarity
from glstylenet.metrics.symmetry import LEAST, mirror_symmetry, symmetry_ratio
from glstylenet.metrics.texture import texture_distance
from glstylenet.metrics.wasserstein import DIRECTIONS, QUANTILES, random_directions, sliced_wasserstein
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights

Grey = npt.NDArray[np.float64]

ONE = torch.ones((1, 1))


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]


# Sliced Wasserstein


def test_equal_points_in_any_order_are_at_distance_zero() -> None:
    points = torch.randn((50, 4), generator=torch.Generator().manual_seed(1))
    assert sliced_wasserstein(points, points.flip(0), random_directions(4)) == 0


def test_a_shift_in_one_dimension_is_the_distance() -> None:
    points = column(0, 1, 5, 9)
    assert sliced_wasserstein(points, points + 3, ONE) == pytest.approx(3)


def test_a_distance_by_hand() -> None:
    # Sorted, 0 goes to 1 and 2 to 6: (1 + 4) / 2. In the given order it would be (6 + 1) / 2.
    assert sliced_wasserstein(column(0, 2), column(6, 1), ONE) == pytest.approx(2.5)


def test_unequal_numbers_of_points_by_hand() -> None:
    # A half of the mass at 0 and 4 against all of it at 1: (1 + 3) / 2.
    assert sliced_wasserstein(column(0, 4), column(1, 1, 1), ONE) == pytest.approx(2)
    # The same distribution said twice.
    assert sliced_wasserstein(column(0, 4), column(0, 4, 0, 4), ONE) == 0


def test_directions_are_unit_vectors_and_always_the_same() -> None:
    directions = random_directions(5)
    assert directions.shape == (5, DIRECTIONS)
    assert torch.allclose(directions.norm(dim=0), torch.ones(DIRECTIONS))
    assert torch.equal(directions, random_directions(5))


def test_a_shift_of_colours_counts_half() -> None:
    # The mean of |cos| over the sphere in three dimensions is one half.
    points = torch.rand((QUANTILES, 3), generator=torch.Generator().manual_seed(2))
    shift = torch.tensor([0.0, 10.0, 0.0])
    assert sliced_wasserstein(points, points + shift, random_directions(3)) == pytest.approx(5, rel=0.1)


# Structure


def checkered(height: int = 48, width: int = 48, side: int = 12) -> Grey:
    rows, columns = np.mgrid[:height, :width]
    return np.where((rows // side + columns // side) % 2, 200.0, 40.0)


def test_ssim_is_one_for_itself_and_falls_with_blur_and_noise() -> None:
    content = checkered()
    blurred = ndimage.gaussian_filter(content, 2.0)
    noise = np.random.default_rng(0).uniform(0, 255, content.shape)
    values = [structural_similarity(each, content) for each in (content, blurred, noise)]
    assert values[0] == pytest.approx(1)
    assert values[0] > values[1] > values[2]
    assert abs(values[2]) < 0.1


def feature_of(*vectors: tuple[float, ...]) -> Tensor:
    """A feature of 2 x n/2 positions."""
    points = torch.tensor(vectors, dtype=torch.float32)
    return points.T.reshape(1, points.shape[1], 2, -1)


def test_self_similarity_of_the_content_is_zero_however_it_is_turned_and_scaled() -> None:
    feature = torch.rand((1, 6, 5, 5), generator=torch.Generator().manual_seed(3))
    assert self_similarity_distance(feature, feature) == 0
    turned = 7 * feature.flip(1)  # other channels and brightness, the same relations
    assert self_similarity_distance(turned, feature) == pytest.approx(0, abs=1e-6)


def test_self_similarity_by_hand() -> None:
    a, b = (1.0, 0.0), (0.0, 1.0)
    value = self_similarity_distance(feature_of(a, b, a, b), feature_of(a, a, b, b))
    # Column of position 1 (a): content (0, 0, 1/2, 1/2), image (0, 1/2, 0, 1/2): 1/2 + 1/2 = 1; so all four.
    assert value == pytest.approx(1, abs=1e-6)


def test_self_similarity_of_a_flat_picture_says_nothing_of_the_content() -> None:
    a, b = (1.0, 0.0), (0.0, 1.0)
    assert self_similarity_distance(feature_of(a, a, a, a), feature_of(a, a, b, b)) == pytest.approx(1)


def test_self_similarity_needs_four_positions_and_takes_no_more_than_its_bound() -> None:
    tiny = torch.rand((1, 3, 1, 3))
    assert self_similarity_distance(tiny, tiny) is None
    side = 2 * math.isqrt(MOST_POSITIONS)
    large = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(4))
    changed = large.clone()
    changed[..., 1::2, :] = 0.5  # between the sampled rows
    assert self_similarity_distance(changed, large) == 0
    changed[..., ::2, ::4] = 0.5
    assert (self_similarity_distance(changed, large) or 0) > 0.01


# Texture and plausibility, by the network


def picture(kind: str, size: int = 64) -> Tensor:
    """(1, 3, size, size): stripes to be a style, blobs to be a content, noise."""
    generator = torch.Generator().manual_seed(5)
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    if kind == "noise":
        return 255 * torch.rand((1, 3, size, size), generator=generator)
    if kind == "stripes":
        grey = 127 + 100 * torch.sin((x + y) * 0.8)
    elif kind == "moved stripes":
        grey = 127 + 100 * torch.sin((x + y) * 0.8 + 2)
    else:
        grey = 127 + 100 * torch.sin(x * 0.15) * torch.sin(y * 0.15)
    return torch.stack((grey, grey * 0.7, 255 - grey))[None]


@pytest.fixture(scope="module")
def network() -> VGG19:
    return load_metric_network()


@pytest.fixture(scope="module")
def seen(network: VGG19) -> dict[str, dict[str, Tensor]]:
    kinds = ("stripes", "moved stripes", "blobs", "noise")
    return {kind: features(network, picture(kind), TEXTURE_LAYERS) for kind in kinds}


@pytest.mark.long
def test_the_deeper_network_goes_on_where_the_losses_end(network: VGG19) -> None:
    pixels = picture("blobs")
    names = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    ours = features(network, pixels, names)
    theirs = PlainVGG19(load_weights("embedded").tensors).features(pixels)
    for layer, name in enumerate(names[:4], start=1):
        assert torch.allclose(ours[name], theirs[layer], rtol=1e-3, atol=0.5)
    assert ours["conv5_1"].shape == (1, 512, 4, 4)
    assert 1 < float(ours["conv5_1"].mean()) < 1000
    assert fused_feature(ours).shape == (1, 960, 8, 8)


def test_texture_orders_the_style_a_likeness_a_content_and_noise(seen: Any) -> None:
    style = seen["stripes"]
    values = [texture_distance(each, style) or 0.0 for each in seen.values()]
    assert values[0] == 0
    assert 0 < values[1] < 0.5 * min(values[2:])


def test_texture_within_a_class_sees_only_the_class(network: VGG19, seen: Any) -> None:
    mixed = picture("stripes")
    mixed[..., 32:] = picture("noise")[..., 32:]
    ours = features(network, mixed, TEXTURE_LAYERS)
    left = torch.zeros((1, 1, 64, 64))
    left[..., :32] = 1
    near, far = (
        texture_distance(ours, seen["stripes"], image_class=each, style_class=each) or 0.0
        for each in (left, 1 - left)
    )
    assert near < 0.4 * far
    nowhere = torch.zeros_like(left)
    assert texture_distance(ours, seen["stripes"], image_class=nowhere, style_class=left) is None


def test_patches_both_ways(seen: Any) -> None:
    style, both = seen["stripes"]["conv3_4"], torch.cat((seen["stripes"]["conv3_4"],) * 2, dim=3)
    centre = style.mean(dim=(2, 3), keepdim=True)
    assert patch_distance(style, style, centre=centre) == pytest.approx(0, abs=1e-5)
    near, far, noise = (
        patch_distance(seen[kind]["conv3_4"], style, centre=centre)
        for kind in ("moved stripes", "blobs", "noise")
    )
    assert near < 0.5 * far
    assert near < 0.5 * noise
    # Half a style is plausible, but does not cover the whole.
    part = torch.cat((style, seen["noise"]["conv3_4"]), dim=3)
    assert patch_distance(style, part, centre=centre) == pytest.approx(0, abs=1e-5)
    assert patch_distance(part, style, centre=centre) > 0.1
    assert patch_distance(both, style, centre=centre) < patch_distance(part, style, centre=centre)


def test_a_patch_distance_by_hand() -> None:
    # One patch each, of one channel: opposite after centring, then equal in direction.
    low, high = torch.full((1, 1, 3, 3), 1.0), torch.full((1, 1, 3, 3), 3.0)
    assert patch_distance(low, high, centre=torch.tensor(2.0).view(1, 1, 1, 1)) == pytest.approx(2)
    assert patch_distance(low, high, centre=torch.zeros((1, 1, 1, 1))) == pytest.approx(0, abs=1e-6)


# Colour


def flat(*rgb: float, size: int = 8) -> Tensor:
    return torch.tensor(rgb).view(1, 3, 1, 1).expand(1, 3, size, size).clone()


def test_lab_of_known_colours() -> None:
    assert lab_colours(flat(255, 255, 255))[0, :, 0, 0].tolist() == pytest.approx([100, 0, 0], abs=0.02)
    # sRGB red in CIELAB, D65: 53.24, 80.09, 67.20.
    assert lab_colours(flat(255, 0, 0))[0, :, 0, 0].tolist() == pytest.approx([53.24, 80.09, 67.2], abs=0.05)


def test_colour_of_black_and_white() -> None:
    # 100 apart in L alone: half of it is seen on average.
    black, grey, white = (lab_colours(flat(*3 * [value])) for value in (0.0, 128.0, 255.0))
    assert colour_distance(white, white) == 0
    far, near = colour_distance(black, white) or 0, colour_distance(grey, white) or 0
    assert far == pytest.approx(50, rel=0.1)
    assert 0 < near < far


def test_colours_exchanged_between_classes_are_seen_within_the_classes_only() -> None:
    style = flat(255, 0, 0)
    style[..., 4:] = flat(0, 0, 255)[..., 4:]
    image = style.flip(3)
    left = torch.zeros((1, 1, 8, 8))
    left[..., :4] = 1
    ours, theirs = lab_colours(image), lab_colours(style)
    assert colour_distance(ours, theirs) == pytest.approx(0, abs=1e-4)
    assert (colour_distance(ours, theirs, image_class=left, style_class=left) or 0) > 40
    few = torch.zeros_like(left)
    few[..., 0, 0] = 1
    assert colour_distance(ours, theirs, image_class=few, style_class=left) is None


# Leaks


def halves(first: Tensor, second: Tensor) -> Tensor:
    """(1, C, 8, 16): the left half points one way, the right half another."""
    return torch.cat((first.expand(1, -1, 8, 8), second.expand(1, -1, 8, 8)), dim=3)


SKY, GRASS = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
CLASSES = halves(SKY, GRASS)


def test_leaks_by_hand() -> None:
    style = halves(SKY, GRASS)
    assert leak_share(style, style, CLASSES, CLASSES) == 0
    assert leak_share(halves(GRASS, SKY), style, CLASSES, CLASSES) == 1
    assert leak_share(halves(SKY, SKY), style, CLASSES, CLASSES) == 0.5


def test_leaks_count_no_borders_and_no_class_that_the_style_lacks() -> None:
    style = halves(SKY, SKY)
    only_sky = halves(SKY, SKY)
    # The grass of the picture has no counterpart; the sky is all sky.
    assert leak_share(halves(SKY, GRASS), style, CLASSES, only_sky) == 0
    nothing_alike = halves(GRASS, GRASS)
    assert leak_share(halves(SKY, GRASS), style, nothing_alike, only_sky) is None
    undecided = torch.full((1, 2, 8, 16), 0.5)
    assert leak_share(style, style, undecided, undecided) is None


# Sharpness


def test_energy_of_alternating_columns_by_hand() -> None:
    # y = +-1 by columns: the Laplacian is -4 y (two neighbours differ by 2), the variance 1: 16.
    stripes = np.where(np.arange(8) % 2, 1.0, -1.0)[None].repeat(6, axis=0)
    assert high_frequency_energy(stripes) == pytest.approx(16)
    # Its contrast and its level do not count.
    assert high_frequency_energy(10 * stripes + 7) == pytest.approx(16)


def test_energy_of_a_chequerboard_by_hand() -> None:
    # All four neighbours are -y: the Laplacian is -8 y.
    assert high_frequency_energy(np.where(np.indices((8, 8)).sum(axis=0) % 2, 1.0, -1.0)) == pytest.approx(64)


def test_sharpness_falls_with_blur_and_rises_with_noise() -> None:
    style = checkered()
    noise = style + np.random.default_rng(1).normal(0, 20, style.shape)
    blurred, more = (ndimage.gaussian_filter(style, sigma) for sigma in (1.0, 2.0))
    values = [sharpness_ratio(each, style) or 0.0 for each in (more, blurred, style, noise)]
    assert values == sorted(values)
    assert values[2] == 1
    assert values[1] < 0.5
    assert values[3] > 1.5


def test_a_flat_picture_has_no_sharpness() -> None:
    assert high_frequency_energy(np.full((9, 9), 90.0)) is None
    assert sharpness_ratio(np.full((9, 9), 90.0), checkered()) is None


# Lines


def building(size: int = 96) -> Grey:
    """Two walls with a straight edge each way."""
    grey = np.full((size, size), 60.0)
    grey[:, size // 3 :] = 190.0
    grey[2 * size // 3 :] = 120.0
    return grey


def bent(grey: Grey, amplitude: float) -> Grey:
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float64)
    places = [rows + amplitude * np.sin(columns / 7), columns + amplitude * np.sin(rows / 7)]
    warped: Grey = ndimage.map_coordinates(grey, places, order=1, mode="nearest")
    return warped


def test_segments_lie_on_the_edges() -> None:
    segments = straight_segments(building())
    assert segments
    assert segments == straight_segments(building())
    for (top, left), (bottom, right) in segments:
        upright = abs(left - 32) <= 1.5 and abs(right - 32) <= 1.5
        level = abs(top - 64) <= 1.5 and abs(bottom - 64) <= 1.5
        assert upright or level


def test_the_content_has_no_deviation_and_a_bend_has_its_amplitude() -> None:
    content = building()
    values = [line_deviation(bent(content, amplitude), content) for amplitude in (0.0, 1.5, 4.0)]
    assert values[0] == 0
    # The mean of |a sin| is 2 a / pi.
    assert values[1] == pytest.approx(2 * 1.5 / math.pi, abs=0.4)
    assert values[2] == pytest.approx(2 * 4.0 / math.pi, abs=0.6)


def test_a_shifted_line_is_off_by_its_shift() -> None:
    content = np.full((64, 64), 50.0)
    content[:, 30:] = 200.0
    assert line_deviation(np.roll(content, 3, axis=1), content) == pytest.approx(3, abs=0.2)


def test_other_colours_do_not_bend_lines_and_neither_do_crossing_strokes() -> None:
    content = building()
    assert line_deviation(255 - content, content) == pytest.approx(0, abs=1e-6)
    # Level strokes have no gradient across an upright line.
    upright = np.full((64, 64), 50.0)
    upright[:, 30:] = 200.0
    strokes = upright + 40 * np.sin(np.arange(64.0))[:, None]
    assert line_deviation(strokes, upright) == pytest.approx(0, abs=0.1)


def test_a_picture_without_edges_is_as_far_as_can_be() -> None:
    assert line_deviation(np.full((96, 96), 90.0), building()) == REACH


def test_noise_is_far_from_the_lines() -> None:
    noise = np.random.default_rng(3).uniform(0, 255, (96, 96))
    assert (line_deviation(noise, building()) or 0) > 2.5


def test_a_content_without_lines_has_no_deviation() -> None:
    soft = ndimage.gaussian_filter(np.random.default_rng(2).uniform(0, 255, (64, 64)), 8)
    assert line_deviation(soft, soft) is None


def test_luminance_of_the_primaries() -> None:
    values = [luminance(flat(*rgb))[0, 0] for rgb in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))]
    assert values == pytest.approx([54.213, 182.376, 18.411, 255])


def test_measures_are_imported_without_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    from glstylenet.errors import UsageError  # noqa: PLC0415
    from glstylenet.metrics.optional_dependency import require_scikit_image  # noqa: PLC0415

    require_scikit_image()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(UsageError, match=r"pip install 'glstylenet\[report\]'"):
        require_scikit_image()


# Coherence, glitches, colourfulness


def test_coherence_counts_neighbours_of_one_piece() -> None:
    """Two pieces of the style side by side disagree at their joint alone."""
    style = torch.rand(1, 8, 12, 12, generator=torch.Generator().manual_seed(3))
    joined = torch.cat((style[..., :6, :5], style[..., 6:, 7:]), dim=3)  # 6 x 10: 4 x 8 patches
    nearest = match_patches(joined, style)
    # Patches over the joint, columns 3 and 4 of 8, are of no piece: pairs that touch them may disagree.
    in_pieces = torch.ones(4, 8, dtype=torch.bool)
    in_pieces[:, 3:5] = False
    assert coherence(nearest, 10, in_pieces) == 1.0
    assert 0.4 < (coherence(nearest, 10) or 0) < 1.0
    swapped = Matches(nearest.index.flip(1), nearest.similarity)
    assert (coherence(swapped, 10, in_pieces) or 0) < 0.6
    assert coherence(nearest, 10, torch.zeros(4, 8, dtype=torch.bool)) is None


def test_glitches_are_odd_pixels_and_not_edges() -> None:
    style = torch.zeros(1, 3, 40, 40)
    style[:, 0] = torch.linspace(20, 80, 40)
    edged = style.clone()
    edged[:, :, :, 20:] += 15.0
    assert glitch_ratio(edged, style) == 0.0
    spotted = style.clone()
    spotted[:, 1, ::8, ::8] += 30.0  # 25 of 1600 pixels
    assert glitch_ratio(spotted, style) == pytest.approx(25 / 1600 / 0.01)
    assert glitch_ratio(spotted, spotted) <= 1.0


def test_colourfulness_by_hand() -> None:
    """Half of a* is 10, half -10: a spread of 10 and a mean chroma of 10."""
    colours = torch.zeros(1, 3, 4, 4)
    colours[:, 1, :2], colours[:, 1, 2:] = 10.0, -10.0
    assert colourfulness(colours) == pytest.approx(19.4)
    assert colourfulness_ratio(colours / 2, colours) == pytest.approx(0.5)
    assert colourfulness_ratio(colours, torch.zeros(1, 3, 4, 4)) is None


# Symmetry


def mirrored(width: int = 61, *, seed: int = 4) -> Grey:
    """A picture of noise (40, width) that is its own mirror image."""
    half = np.random.default_rng(seed).uniform(0, 255, (40, width // 2 + 1))
    return np.concatenate((half, half[:, -2::-1]), axis=1)


def test_a_mirror_image_has_a_symmetry_of_one_about_its_middle() -> None:
    axes = mirror_symmetry(mirrored())
    assert axes is not None
    assert axes.shape == (121,)
    assert axes.argmax() / 2 == 30
    assert axes[60] == pytest.approx(1)
    # Two pixels beside it noise that is smoothed has little in common with itself.
    assert np.abs(np.delete(axes, range(57, 64))).max() < 0.3


def test_symmetry_is_the_sum_over_pairs() -> None:
    """The sum of the definition, pair by pair, about an axis between two columns, beside the middle."""
    grey = np.random.default_rng(1).uniform(0, 255, (24, 30))
    detail = ndimage.gaussian_filter(grey, 1) - ndimage.gaussian_filter(grey, 4)
    pairs = [(column, 21 - column) for column in range(22)]  # 2a = 21; columns 22 to 29 have no partner
    expected = sum((detail[:, left] * detail[:, right]).sum() for left, right in pairs) / (detail**2).sum()
    axes = mirror_symmetry(grey)
    assert axes is not None
    assert axes[21] == pytest.approx(expected)


def test_symmetry_is_kept_by_light_and_lost_by_strokes_on_one_side() -> None:
    content = mirrored()
    assert symmetry_ratio(content, content) == pytest.approx(1)
    lit = content * 0.5 + np.linspace(0, 120, 61)
    assert symmetry_ratio(lit, content) == pytest.approx(1, abs=0.05)
    one_sided = content.copy()
    one_sided[:, :30] = np.random.default_rng(9).uniform(0, 255, (40, 30))
    # A half of the energy has lost its partner.
    assert (symmetry_ratio(one_sided, content) or 1) < 0.2
    assert symmetry_ratio(np.full((40, 61), 9.0), content) == 0


def test_a_content_without_symmetry_has_none_to_keep() -> None:
    noise = np.random.default_rng(2).uniform(0, 255, (64, 64))
    axes = mirror_symmetry(noise)
    assert axes is not None
    assert axes.max() < LEAST
    assert symmetry_ratio(noise, noise) is None
    assert symmetry_ratio(noise, np.full((64, 64), 9.0)) is None
