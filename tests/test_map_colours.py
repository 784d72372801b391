"""Drawn maps, softened and moved as files are: the classes must be those that were drawn."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from glstylenet.errors import SemanticMapError
from glstylenet.maps import PictureMap, Semantics, label_maps
from tests.long_cases import rest_is_long

Drawing = NDArray[np.int64]
Picture = NDArray[np.float64]
Colours = list[tuple[int, int, int]]
Change = Callable[[Picture], Picture]

RED, GREEN, BLUE, YELLOW, WHITE, BLACK = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255), (0, 0, 0)
)  # fmt: skip
SIDE, FINE = 144, 4


def scene(shift: int = 0) -> Drawing:
    """Four classes, (H, W) at FINE times the size: a disc and a block on two grounds that meet."""
    rows, columns = (np.mgrid[: SIDE * FINE, : SIDE * FINE] + 0.5) / FINE
    labels = np.where(rows < 80 + shift, 0, 1)
    labels[(rows - 44) ** 2 + (columns - 50 - shift) ** 2 < 30**2] = 2
    labels[(rows > 92) & (columns > 84 - shift)] = 3
    return labels


def halves(shift: int = 0) -> Drawing:
    return np.where(np.arange(SIDE * FINE)[None] < (SIDE // 2 + shift) * FINE, 0, 1) + np.zeros(
        (SIDE * FINE, 1), np.int64
    )


def strips(count: int, shift: int = 0) -> Drawing:
    """Bands of ``count`` classes, first in order, then in another, so that most pairs meet."""
    rows, columns = np.mgrid[: SIDE * FINE, : SIDE * FINE] // FINE
    place = np.clip((columns + shift) * count // SIDE, 0, count - 1)
    return np.asarray(np.where(rows < SIDE // 2, place, (place * 5 + 3) % count))


def paint(labels: Drawing, colours: Colours) -> Picture:
    return np.array(colours, np.float64)[labels]


def hard(picture: Picture) -> Picture:
    return picture[FINE // 2 :: FINE, FINE // 2 :: FINE]


def antialiased(picture: Picture) -> Picture:
    return np.asarray(picture.reshape(SIDE, FINE, SIDE, FINE, 3).mean((1, 3)))


def antialiased_in_light(picture: Picture) -> Picture:
    return 255 * antialiased((picture / 255) ** 2.2) ** (1 / 2.2)


def feathered(width: int, *, even: bool = True) -> Change:
    """A ramp of ``width`` pixels at every border: straight, or rounded as a soft brush has it."""

    def change(picture: Picture) -> Picture:
        small = hard(picture)
        if even:
            return np.stack([ndimage.uniform_filter(each, width) for each in small.transpose(2, 0, 1)], 2)
        return np.asarray(ndimage.gaussian_filter(small, (width / 5, width / 5, 0)))

    return change


def jpeg(quality: int) -> Change:
    def change(picture: Picture) -> Picture:
        file = io.BytesIO()
        Image.fromarray(antialiased(picture).round().astype(np.uint8)).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file), np.float64)

    return change


def resized(side: int) -> Change:
    def change(picture: Picture) -> Picture:
        image = Image.fromarray(hard(picture).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(image, np.float64)

    return change


def in_display_p3(picture: Picture) -> Picture:
    """The same numbers meant as Display P3, in sRGB: other primaries, the same curve."""
    value = picture / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    light = np.clip(light @ matrix.T, 0, 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(255 * value)


def semantics_of(*pictures: Picture, classes: int | None = None, strict: bool = False) -> Semantics:
    pixels = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in pictures]
    return label_maps(
        [
            PictureMap(each, role, (each.shape[2], each.shape[3]))
            for each, role in zip(pixels, ("content", "style"), strict=False)
        ],
        classes=classes,
        strict=strict,
    )


def agreement(semantics: Semantics, drawings: list[Drawing], border: int) -> float:
    """The share of pixels, further than ``border`` from any, that have the class drawn there.

    Which class of the program is which drawn one is told by the first map; it must be the same in all. The
    least share of all maps is returned.
    """
    worst, names = 1.0, None
    for channels, drawing in zip(semantics.channels, drawings, strict=True):
        side = channels.shape[2]
        places = ((np.arange(side) + 0.5) * len(drawing) / side).astype(int)
        drawn = drawing[np.ix_(places, places)]
        inside = ndimage.maximum_filter(drawn, 2 * border + 1) == ndimage.minimum_filter(
            drawn, 2 * border + 1
        )
        found = channels[0].argmax(0).numpy()
        if names is None:
            names = {k: np.bincount(found[inside & (drawn == k)]).argmax() for k in np.unique(drawn)}
        right = np.zeros(drawn.shape, np.bool_)
        for label, number in names.items():
            right |= (drawn == label) & (found == number)
        worst = min(worst, float(right[inside].mean()))
    return worst


FOUR = [RED, GREEN, BLUE, YELLOW]
QUIET = [(200, 60, 60), (60, 160, 90), (70, 80, 170), (230, 220, 200)]
TWELVE = [
    RED, GREEN, BLUE, YELLOW, WHITE, BLACK,
    (255, 0, 255), (0, 255, 255), (128, 0, 0), (0, 128, 0), (255, 128, 0), (128, 128, 128),
]  # fmt: skip

PAINTED: dict[str, tuple[Callable[[int], Drawing], Colours]] = {
    "two": (halves, [BLACK, WHITE]),
    "bright": (scene, FOUR),
    "quiet": (scene, QUIET),
    "three greys": (scene, [BLACK, (128, 128, 128), WHITE, (128, 0, 0)]),
    "five greys": (lambda shift: strips(5, shift), [(v, v, v) for v in (0, 64, 128, 191, 255)]),
    "twelve": (lambda shift: strips(12, shift), TWELVE),
}
CHANGES: dict[str, tuple[Change, int]] = {  # with the pixels beside a border that may have either class
    "hard": (hard, 0),
    "antialiased": (antialiased, 1),
    "antialiased in light": (antialiased_in_light, 1),
    "feather 6": (feathered(6), 3),
    "feather 24": (feathered(24), 6),
    "feather 60": (feathered(60), 10),
    "soft brush 24": (feathered(24, even=False), 6),
    "soft brush 60": (feathered(60, even=False), 10),
    "JPEG 60": (jpeg(60), 2),
    "JPEG 75": (jpeg(75), 2),
    "JPEG 95": (jpeg(95), 2),
    "halved": (resized(72), 1),
    "enlarged": (resized(245), 3),
}
# A class narrower than a feather has no inside left; such pairs are not here.
TRIED = {
    "two": ["feather 24", "feather 60", "soft brush 24", "soft brush 60", "JPEG 95"],
    "bright": [each for each in CHANGES if not each.endswith("60") or each == "JPEG 60"],
    "quiet": ["antialiased in light", "feather 24", "soft brush 24", "JPEG 60"],
    "three greys": ["feather 24", "soft brush 24", "JPEG 75", "halved"],
    "five greys": ["hard", "antialiased", "feather 6", "soft brush 24", "JPEG 60", "JPEG 95"],
    "twelve": ["antialiased", "feather 6", "JPEG 60", "JPEG 95", "enlarged"],
}


@pytest.mark.parametrize(
    ("painted", "changed"),
    # First one of each drawing.
    rest_is_long(
        sorted(
            ((painted, changed) for painted, some in TRIED.items() for changed in some),
            key=lambda case: case != (case[0], TRIED[case[0]][0]),
        ),
        short=len(TRIED),
    ),
)
def test_the_drawn_classes_are_found(painted: str, changed: str) -> None:
    draw, colours = PAINTED[painted]
    change, border = CHANGES[changed]
    drawings = [draw(0), draw(3)]
    semantics = semantics_of(*(change(paint(each, colours)).round() for each in drawings))
    assert len(semantics.classes) == len(colours)
    assert semantics.warnings == ()
    assert agreement(semantics, drawings, border) > 0.995


@pytest.mark.parametrize("change", rest_is_long([antialiased, jpeg(75), hard, feathered(24)], short=2))
@pytest.mark.parametrize("colours", rest_is_long([[FOUR], [QUIET]], short=1))
def test_a_profile_or_a_level_between_the_maps_changes_no_label(change: Change, colours: Colours) -> None:
    drawings = [scene(), scene(3)]
    content, style = (change(paint(each, colours)).round() for each in drawings)
    same = semantics_of(content, style)
    for moved in (in_display_p3(style), np.abs(style - 1), in_display_p3(np.abs(style - 2))):
        semantics = semantics_of(content, moved)
        assert len(semantics.classes) == 4
        assert agreement(semantics, drawings, 6) > 0.995
        assert all("lacks" not in each for each in semantics.warnings)
        assert [each.shares[0] for each in semantics.classes] == pytest.approx(
            [each.shares[0] for each in same.classes], abs=0.01
        )


def test_colours_joined_between_clean_maps_are_named() -> None:
    drawing = halves()
    content = hard(paint(drawing, [RED, GREEN]))
    semantics = semantics_of(content, hard(paint(drawing, [(254, 0, 0), (0, 254, 0)])), strict=True)
    assert len(semantics.classes) == 2
    assert all(each.shares == (0.5, 0.5) for each in semantics.classes)
    assert semantics.warnings == (
        "#00fe00 of the style map was taken for #00ff00 of the content map: they are nearly one colour",
        "#fe0000 of the style map was taken for #ff0000 of the content map: they are nearly one colour",
    )
    assert len(semantics_of(content, hard(paint(drawing, [(254, 0, 0), GREEN])), classes=3).classes) == 3


def test_maps_with_nothing_in_common_are_said_to_have_no_effect() -> None:
    drawing = halves()
    pair = [hard(paint(drawing, each)) for each in ([RED, GREEN], [BLUE, WHITE])]
    (warning,) = semantics_of(*pair).warnings
    assert "the style map lacks #00ff00 (50.00% of the content), #ff0000" in warning
    assert "both maps have no class in common, and the result is that without maps" in warning
    with pytest.raises(SemanticMapError, match="lacks #00ff00"):
        semantics_of(*pair, strict=True)


@pytest.mark.parametrize("change", [hard, antialiased])
def test_near_colours_that_fill_areas_of_one_map_stay_two(change: Change) -> None:
    colours = [RED, (220, 0, 0), GREEN, YELLOW]
    drawings = [scene(), scene(3)]
    semantics = semantics_of(*(change(paint(each, colours)).round() for each in drawings))
    assert len(semantics.classes) == 4
    assert agreement(semantics, drawings, 2) > 0.995


def test_two_deliberate_colours_a_level_apart_stay_two_in_clean_maps() -> None:
    drawings = [scene(), scene(3)]
    semantics = semantics_of(*(hard(paint(each, [RED, (254, 0, 0), GREEN, YELLOW])) for each in drawings))
    assert len(semantics.classes) == 4
    assert agreement(semantics, drawings, 0) == 1
    assert any("are two classes: both fill areas" in each for each in semantics.notes)


def test_strays_within_noise_join_the_colour_around_them() -> None:
    content = hard(paint(halves(), [RED, GREEN])).copy()
    content[10, 10:14] = (253, 1, 0)
    semantics = semantics_of(content, content)
    assert [each.shares[0] for each in semantics.classes] == [0.5, 0.5]
    assert any(each.startswith("#fd0100 of the content map, which nowhere fills") for each in semantics.notes)


def test_unlike_colours_of_the_two_maps_are_not_joined() -> None:
    """Only the red hat differs: orange in the style is another thing, and no profile."""
    drawings = [scene(), scene(3)]
    content = hard(paint(drawings[0], [WHITE, GREEN, BLUE, (255, 0, 0)]))
    style = hard(paint(drawings[1], [WHITE, GREEN, BLUE, (255, 60, 0)]))
    (warning,) = semantics_of(content, style).warnings
    assert "the style map lacks #ff0000" in warning


def test_a_class_of_the_style_alone_takes_no_ramp_of_the_content() -> None:
    """The middle of a black and white ramp is the very grey that the style has as a class."""
    content = feathered(40)(paint(halves(), [BLACK, WHITE])).round()
    style = hard(paint(strips(3), [BLACK, (128, 128, 128), WHITE]))
    semantics = semantics_of(content, style)
    shares = {each.colour_name: each.shares for each in semantics.classes}
    assert shares["#808080"][0] == 0
    assert shares["#000000"][0] == pytest.approx(0.5, abs=0.01)


def test_thin_lines_stay_in_a_map_with_feathers() -> None:
    picture = feathered(24)(paint(halves(), [BLACK, WHITE])).round()
    picture[20:22, 4:50] = (255, 0, 255)
    semantics = semantics_of(picture, picture)
    (line,) = (k for k, each in enumerate(semantics.classes) if each.colour == (255, 0, 255))
    found = semantics.channels[0][0, line]
    assert found[20:22, 4:50].min() == 1
    assert found.sum() <= 2 * 46 + 4


def test_a_grey_photograph_is_refused() -> None:
    """Where black and white are cut off, every grey lies between two plateaus; but greys turn everywhere."""
    noise = np.random.default_rng(3).normal(size=(SIDE, SIDE))
    rough = ndimage.gaussian_filter(noise, 8) * 20 + ndimage.gaussian_filter(noise, 1) * 0.2
    grey = np.clip(128 + 200 * rough, 0, 255).round()[..., None].repeat(3, 2)
    cut = (grey == 0).mean() + (grey == 255).mean()
    assert cut > 0.2
    with pytest.raises(SemanticMapError, match="the content map looks like a photograph"):
        semantics_of(grey)


@pytest.mark.long
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_moving_the_colours_of_a_map_by_two_levels_moves_no_label(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    levels = data.draw(
        st.permutations([(r, g, b) for r in (10, 100, 240) for g in (5, 120, 250) for b in (30, 200)])
    )
    change = data.draw(st.sampled_from([hard, antialiased]))
    content, style = (change(paint(each, list(levels[:4]))).round() for each in (scene(), scene(3)))
    _, places = np.unique(style.reshape(-1, 3), axis=0, return_inverse=True)
    moves = rng.integers(-2, 3, (places.max() + 1, 3))
    moved = style + moves[places.ravel()].reshape(style.shape)
    before, after = semantics_of(content, style), semantics_of(content, np.clip(moved, 0, 255))
    assert len(before.classes) == len(after.classes) == 4
    first, second = ([m[0].argmax(0).numpy() for m in each.channels] for each in (before, after))
    same = {int(k): int(second[0][first[0] == k][0]) for k in np.unique(first[0])}
    for one, other in zip(first, second, strict=True):
        assert (np.vectorize(same.get)(one) == other).mean() > (1 if change is hard else 0.998) - 1e-9
