import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from glstylenet.errors import SemanticMapError, SettingsError
from glstylenet.maps.labels import PictureMap, label_maps, resize_labels
from glstylenet.maps.semantics import Semantics

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
YELLOW, WHITE, BLACK, GREY = (255, 255, 0), (255, 255, 255), (0, 0, 0), (191, 191, 191)
LETTERS = {"R": RED, "G": GREEN, "B": BLUE, "Y": YELLOW, "W": WHITE, "K": BLACK, "O": (128, 128, 0)}


def from_letters(*rows: str) -> Tensor:
    return (
        torch.tensor([[LETTERS[each] for each in row] for row in rows]).permute(2, 0, 1)[None].to(torch.uint8)
    )


def from_image(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)[None]


def label_pair(
    content: Tensor, style: Tensor, content_size: tuple[int, int], style_size: tuple[int, int]
) -> Semantics:
    return label_maps([PictureMap(content, "content", content_size), PictureMap(style, "style", style_size)])


def label(*maps: Tensor, classes: int | None = None, strict: bool = False) -> Semantics:
    roles = ("content", "style", "second style")
    pictures = [
        PictureMap(each, role, (each.shape[2], each.shape[3]))
        for role, each in zip(roles, maps, strict=False)
    ]
    return label_maps(pictures, classes=classes, strict=strict)


def colours(semantics: Semantics) -> list[tuple[int, int, int]]:
    return [each.colour for each in semantics.classes]


def nearest_names(semantics: Semantics) -> set[tuple[int, int, int]]:
    """The drawn colours that the classes stand for: JPEG moves a colour by some steps."""
    drawn = np.array([RED, GREEN, BLUE, YELLOW, WHITE, GREY])
    found = np.array(colours(semantics))
    distances = ((found[:, None] - drawn[None]) ** 2).sum(2)
    return {(int(r), int(g), int(b)) for r, g, b in drawn[distances.argmin(1)]}


def picture(one_hot: Tensor, semantics: Semantics) -> NDArray[np.int64]:
    table = np.array(colours(semantics))
    return np.asarray(table[one_hot[0].argmax(0).numpy()])


def face(shift: int = 0, smooth: int = 4) -> Image.Image:
    """A portrait like a user's: soft borders, grey eyes of 100 pixels each, brows half way to the hair."""
    image = Image.new("RGB", (240 * smooth, 320 * smooth), RED)
    draw = ImageDraw.Draw(image)

    def oval(colour: tuple[int, int, int], box: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = box
        draw.ellipse(
            [(left + shift) * smooth, top * smooth, (right + shift) * smooth, bottom * smooth], colour
        )

    oval(BLUE, (20, 200, 200, 420))
    draw.polygon(
        [(x * smooth, y * smooth) for x, y in ((100, 200), (130, 200), (110, 320), (95, 320))], WHITE
    )
    oval(YELLOW, (50, 20, 170, 180))
    oval(GREEN, (65, 50, 155, 220))
    for left in (80, 120):
        draw.rectangle(
            [(left + shift) * smooth, 84 * smooth, (left + 16 + shift) * smooth, 88 * smooth - 1],
            (192, 255, 0),
        )
        oval(GREY, (left, 100, left + 16, 108))
    return image.resize((240, 320), Image.Resampling.BOX) if smooth > 1 else image


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


def scaled(image: Image.Image, factor: float, how: Image.Resampling) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), how)


def pair_of(change: Callable[[Image.Image], Image.Image] = lambda image: image) -> tuple[Tensor, Tensor]:
    return from_image(change(face())), from_image(change(face(shift=7)))


def test_clean_maps_by_hand() -> None:
    semantics = label(from_letters("RRRR", "RRBB"), from_letters("RB", "BB", "BG"))
    # Largest sum of shares first: blue 2/8 + 4/6, red 6/8 + 1/6 (the same), green 0 + 1/6.
    assert set(colours(semantics)[:2]) == {RED, BLUE}
    assert colours(semantics)[2] == GREEN
    shares = {each.colour: each.shares for each in semantics.classes}
    assert shares[RED] == pytest.approx((6 / 8, 1 / 6))
    assert shares[BLUE] == pytest.approx((2 / 8, 4 / 6))
    assert shares[GREEN] == pytest.approx((0, 1 / 6))
    assert semantics.channels[0].shape == (1, 3, 2, 4)
    assert semantics.channels[1].shape == (1, 3, 3, 2)
    assert semantics.channels[0].dtype == torch.float32
    red = colours(semantics).index(RED)
    assert semantics.channels[0][0, red].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert semantics.smallest_share == pytest.approx(2 / 8)
    assert semantics.classes[red].colour_name == "#ff0000"


def test_table_lists_every_class_with_both_shares() -> None:
    lines = label(from_letters("RRRB"), from_letters("RB")).describe().splitlines()
    assert lines[0] == "class  colour    content     style"
    assert lines[1].startswith("    1  #ff0000    75.00%    50.00%")
    assert len(lines) == 3
    assert lines[1].split() == ["1", "#ff0000", "75.00%", "50.00%"]
    assert lines[2].split() == ["2", "#0000ff", "25.00%", "50.00%"]


def test_floating_and_whole_number_maps_are_one() -> None:
    whole = from_image(face())
    first, second = label(whole, whole), label(whole.float() + 0.3, whole.float() - 0.3)
    assert first.classes == second.classes
    assert torch.equal(first.channels[0], second.channels[0])


@pytest.mark.parametrize("quality", [None, 90, 75])
def test_soft_and_jpeg_portraits_have_six_classes(quality: int | None) -> None:
    maps = pair_of(lambda image: image if quality is None else as_jpeg(image, quality))
    semantics = label(*maps)
    assert len(semantics.classes) == 6
    assert nearest_names(semantics) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}
    if quality is None:
        assert set(colours(semantics)) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}
    # The hard-edged drawing says which class each pixel should be; a border may move by about half a pixel.
    hard = np.asarray(face(smooth=1)).astype(np.int64)
    close = np.abs(picture(semantics.channels[0], semantics) - hard).max(2) < 100
    assert close.mean() > 0.99
    assert 160 < 320 * 240 * semantics.smallest_share < 240


@pytest.mark.parametrize("factor", [0.5, 1.7])
@pytest.mark.parametrize("how", [Image.Resampling.LANCZOS, Image.Resampling.BILINEAR])
def test_resized_portraits_have_six_classes(factor: float, how: Image.Resampling) -> None:
    maps = pair_of(lambda image: scaled(image, factor, how))
    semantics = label(*maps)
    assert len(semantics.classes) == 6
    assert nearest_names(semantics) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}


def test_a_flat_blend_is_left_out_but_said() -> None:
    maps = pair_of()
    semantics = label(*maps)
    assert semantics.warnings == ()  # nothing is wrong with this map
    (blend,) = semantics.notes
    assert blend.startswith("#c0ff00")
    assert blend.endswith("--classes 7")
    assert semantics.describe().splitlines()[-1] == blend
    assert (192, 255, 0) in colours(label(*maps, classes=7))


def test_soft_border_never_becomes_a_third_class() -> None:
    """The middle of red and green is as near to yellow, which is elsewhere in the map."""
    image = Image.new("RGB", (400, 400), RED)
    draw = ImageDraw.Draw(image)
    draw.ellipse([60, 60, 300, 300], GREEN)
    draw.rectangle([330, 330, 400, 400], YELLOW)
    small = from_image(image.resize((100, 100), Image.Resampling.BICUBIC))
    semantics = label(small, small)
    assert set(colours(semantics)) == {RED, GREEN, YELLOW}
    yellow = semantics.channels[0][0, colours(semantics).index(YELLOW)]
    assert yellow[:80, :80].sum() == 0
    assert yellow[84:, 84:].sum() == 16 * 16


def test_soft_border_never_becomes_the_class_of_its_very_colour() -> None:
    """Here the middle of red and green, (128, 128, 0), is a class itself, far away from the border."""
    image = Image.new("RGB", (400, 400), RED)
    draw = ImageDraw.Draw(image)
    draw.ellipse([42, 42, 218, 218], GREEN)
    draw.rectangle([0, 300, 400, 400], (128, 128, 0))
    soft = from_image(image.resize((100, 100), Image.Resampling.BOX))
    middle = (soft[0, :, :70] - torch.tensor([[[128]], [[128]], [[0]]])).float().abs().amax(0) < 16
    assert middle.any()
    semantics = label(soft, soft)
    assert set(colours(semantics)) == {RED, GREEN, (128, 128, 0)}
    olive = semantics.channels[0][0, colours(semantics).index((128, 128, 0))]
    assert olive[75:].min() == 1
    assert olive[:70].sum() == 0


def test_thin_exact_lines_survive_in_clean_maps() -> None:
    rows = ["R" * 30 for _ in range(30)]
    rows[10] = "R" * 10 + "G" * 7 + "R" * 13
    semantics = label(from_letters(*rows), from_letters(*rows))
    assert colours(semantics) == [RED, GREEN]
    assert semantics.channels[0][0, 1].sum() == 7
    assert any("#00ff00 is only 7 pixels of the content" in each for each in semantics.warnings)


def test_a_tiny_class_of_a_soft_map_is_noted_without_a_warning() -> None:
    image = face()
    image.paste((255, 0, 255), (10, 10, 15, 15))
    semantics = label(from_image(image), from_image(image))
    assert semantics.warnings == ()
    assert any("#ff00ff is only 25 pixels of the style" in each for each in semantics.notes)


def test_thin_lines_survive_in_soft_maps() -> None:
    image = np.asarray(face()).copy()
    image[300, 10:230] = (255, 0, 255)
    maps = from_image(Image.fromarray(image))
    semantics = label(maps, maps)
    assert len(semantics.classes) == 7
    purple = semantics.channels[0][0, colours(semantics).index((255, 0, 255))]
    assert purple[300, 10:230].min() == 1
    assert purple.sum() <= 224  # where it crosses a soft border, a neighbour may join it


def test_classes_are_found_over_both_maps() -> None:
    semantics = label(from_letters("RRG", "RRR"), from_letters("BBBG"))
    assert set(colours(semantics)) == {RED, GREEN, BLUE}
    swapped = label(from_letters("BBBG"), from_letters("RRG", "RRR"))
    assert colours(swapped) == colours(semantics)
    assert torch.equal(swapped.channels[1], semantics.channels[0])


def test_one_palette_over_three_maps() -> None:
    content, first, second = from_letters("RRGB"), from_letters("RG", "RG"), from_letters("RWB")
    semantics = label(content, first, second)
    assert set(colours(semantics)) == {RED, GREEN, BLUE, WHITE}
    shares = {each.colour: each.shares for each in semantics.classes}
    assert shares[RED] == pytest.approx((2 / 4, 1 / 2, 1 / 3))
    assert shares[BLUE] == pytest.approx((1 / 4, 0, 1 / 3))
    assert shares[WHITE] == pytest.approx((0, 0, 1 / 3))
    assert [tuple(each.shape) for each in semantics.channels] == [(1, 4, 1, 4), (1, 4, 2, 2), (1, 4, 1, 3)]
    blue = colours(semantics).index(BLUE)
    assert [each[0, blue].tolist() for each in semantics.channels] == [
        [[0, 0, 0, 1]],
        [[0, 0], [0, 0]],
        [[0, 0, 1]],
    ]
    assert semantics.smallest_share == pytest.approx(1 / 4)
    assert "class  colour    content     style  second style" in semantics.describe()
    assert any("#0000ff is only 1 pixels of the second style" in each for each in semantics.warnings)
    assert not any("lack" in each for each in semantics.warnings)  # blue is in one of the styles
    lacking = label(from_letters("RRY"), first, second)
    assert any(
        "the maps style, second style lack #ffff00 (33.33% of the content)" in each
        for each in lacking.warnings
    )
    with pytest.raises(SemanticMapError, match="lack #ffff00"):
        label(from_letters("RRY"), first, second, strict=True)
    red = from_letters("R")
    assert any("all 3 maps hold only one class" in each for each in label(red, red, red).warnings)
    with pytest.raises(SemanticMapError, match="the second style map has the shape"):
        label(red, red, red[:, :2])


def test_one_map_alone() -> None:
    semantics = label(from_letters("RRG"))
    assert colours(semantics) == [RED, GREEN]
    assert not any("lack" in each for each in semantics.warnings)
    assert any("the map holds only one class" in each for each in label(from_letters("R")).warnings)


def test_missing_style_class_warns_or_is_refused() -> None:
    content, style = from_letters("RRRG"), from_letters("RRRR")
    (warning,) = (each for each in label(content, style).warnings if "lacks" in each)
    assert "#00ff00" in warning
    assert "25.00%" in warning
    assert "matched by features alone, as without maps" in warning
    with pytest.raises(SemanticMapError, match=r"lacks #00ff00"):
        label(content, style, strict=True)
    # A class that only the style has does no harm.
    assert not any("lacks" in each for each in label(style, content, strict=True).warnings)


def test_one_class_steers_nothing() -> None:
    semantics = label(from_letters("RRR"), from_letters("RR"))
    assert any("steer nothing" in each for each in semantics.warnings)
    assert semantics.channels[0].min() == 1
    assert not any("steer" in each for each in label(from_letters("RG"), from_letters("RR")).warnings)


def test_map_of_another_size_is_brought_to_its_picture() -> None:
    style = from_letters("RG")
    semantics = label_pair(from_letters("RG", "RR"), style, content_size=(4, 4), style_size=(1, 2))
    green = semantics.channels[0][0, colours(semantics).index(GREEN)]
    assert green.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    # Three pixels become one: the middle one is asked, not the first.
    reduced = label_pair(from_letters("RGRRRG"), style, content_size=(1, 2), style_size=(1, 2))
    assert reduced.channels[0][0, colours(reduced).index(GREEN)].tolist() == [[1, 0]]
    one_percent_off = from_image(Image.new("RGB", (1010, 500), RED))
    assert (
        label_pair(one_percent_off, style, content_size=(500, 1000), style_size=(1, 2)).channels[0].shape[3]
        == 1000
    )
    large = from_image(Image.new("RGB", (1003, 500), RED))
    assert label_pair(large, style, content_size=(50, 100), style_size=(1, 2)).channels[0].shape == (
        1,
        2,
        50,
        100,
    )


def test_map_of_another_aspect_is_refused_with_both_sizes() -> None:
    tall = from_image(Image.new("RGB", (200, 300), RED))
    with pytest.raises(SemanticMapError, match=r"style map is 200x300 .* picture 300x200.*Crop"):
        label_pair(tall, tall, content_size=(300, 200), style_size=(200, 300))


@pytest.mark.parametrize(
    "values",
    [
        np.tile(np.linspace(0, 255, 200)[None, :, None], (150, 1, 3)),
        np.stack(np.meshgrid(np.linspace(0, 255, 200), np.linspace(0, 255, 150)) * 2, axis=2)[..., :3],
        np.random.default_rng(0).integers(0, 256, (150, 200, 3)),
    ],
    ids=["ramp", "two ramps", "noise"],
)
def test_pictures_that_are_no_maps_are_refused(values: NDArray[np.float64]) -> None:
    image = torch.from_numpy(values.astype(np.uint8)).permute(2, 0, 1)[None]
    with pytest.raises(SemanticMapError, match=r"flat.*--classes N"):
        label(image, image)
    assert len(label(image, image, classes=4).classes) == 4


def test_classes_forces_the_number() -> None:
    maps = pair_of()
    for number in (2, 5, 6):
        assert len(label(*maps, classes=number).classes) == number
    assert set(colours(label(*maps, classes=6))) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}
    noisy = label(*pair_of(lambda image: as_jpeg(image, 80)), classes=6)
    assert nearest_names(noisy) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}
    with pytest.raises(SettingsError, match=r"classes is 4; expected 1 to 3: the maps hold 3 colours"):
        label(from_letters("RG"), from_letters("RB"), classes=4)
    for impossible in (0, -1, 65):
        with pytest.raises(SettingsError, match=f"classes is {impossible}; expected 1 to 64"):
            label(*maps, classes=impossible)


def test_a_forced_number_prefers_small_classes_to_noise() -> None:
    """JPEG noise in large areas outweighs a small class where every pixel counts alike."""
    image = Image.new("RGB", (800, 800), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 400, 400], GREEN)
    draw.ellipse([200, 200, 600, 600], BLUE)
    draw.rectangle([480, 10, 760, 160], YELLOW)
    draw.rectangle([400, 400, 420, 420], GREY)
    draw.rectangle([100, 600, 120, 620], WHITE)
    noisy = from_image(as_jpeg(image.resize((400, 400), Image.Resampling.BOX), 50))
    assert nearest_names(label(noisy, noisy, classes=6)) == {RED, GREEN, BLUE, YELLOW, WHITE, GREY}


def test_unusable_tensors_are_refused() -> None:
    good = from_letters("RG")
    for bad in (good[0], good[:, :2], good[..., :0]):
        with pytest.raises(SemanticMapError, match="the style map has the shape"):
            label_pair(good, bad, content_size=(1, 2), style_size=(1, 2))
    with pytest.raises(SemanticMapError, match="finite values"):
        label(good.float() * torch.nan, good)


def test_same_maps_give_the_same_labels() -> None:
    maps = pair_of(lambda image: as_jpeg(image, 80))
    first, second = label(*maps), label(*maps)
    assert first.classes == second.classes
    assert torch.equal(first.channels[0], second.channels[0])
    swapped = label(maps[1], maps[0])
    assert colours(swapped) == colours(first)
    assert torch.equal(swapped.channels[1], first.channels[0])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("RGBYWK", min_size=7, max_size=7), min_size=5, max_size=5),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_channels_sum_to_one(rows: list[str], size: tuple[int, int]) -> None:
    semantics = label(from_letters(*rows), from_letters(*rows))
    assert torch.equal(semantics.channels[0].sum(1), torch.ones(1, 5, 7))
    small = resize_labels(semantics.channels[0], size)
    assert small.shape == (1, len(semantics.classes), *size)
    assert torch.allclose(small.sum(1), torch.ones(1, *size), atol=1e-6)


def test_resized_labels_are_area_shares() -> None:
    one_hot = label(from_letters("RRRG", "RRGG"), from_letters("RG")).channels[0]
    assert resize_labels(one_hot, (1, 2))[0].tolist() == [[[1.0, 0.25]], [[0.0, 0.75]]]
    wide = label(from_letters("RRRRGRRR"), from_letters("RG")).channels[0]
    assert resize_labels(wide, (1, 2))[0].tolist() == [[[1.0, 0.75]], [[0.0, 0.25]]]
    assert torch.equal(resize_labels(one_hot, (2, 4)), one_hot)
