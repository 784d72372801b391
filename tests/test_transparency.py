"""Transparency: colours come back as they went in, and what nobody sees leaves no trace."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from glstylenet.cli.outputs import OutputOptions
from glstylenet.cli.saving import rescue_best_picture
from glstylenet.metrics.features import TEXTURE_LAYERS
from glstylenet.metrics.plausibility import patch_distance
from glstylenet.metrics.texture import texture_distance
from glstylenet.pictures import PictureSource, match_colours, read_picture, resize, write_picture
from glstylenet.pictures.transparency import fill_hidden, present_pixels
from glstylenet.run import Result, Step, prepare_inputs, read_sources, stylize
from glstylenet.settings.model import Settings
from glstylenet.studio.storage import Storage

Pixels = npt.NDArray[np.uint8]
INK = (120, 20, 20)
GROUNDS = ((255, 255, 255), (0, 0, 0), (0, 200, 255))


def disc(
    size: int = 64, *, hidden: tuple[int, int, int] = (255, 255, 255), ink: tuple[int, int, int] = INK
) -> Pixels:
    """A disc of one colour with a soft rim, six pixels wide, on a transparent ground of another colour."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    alpha = np.clip((0.35 * size - np.hypot(x, y)) / 6, 0, 1)
    colour = np.where(alpha[..., None] > 0, ink, hidden)
    return np.dstack([colour, np.rint(255 * alpha)]).astype(np.uint8)


def over(
    ground: tuple[int, int, int], colour: npt.NDArray[np.floating], alpha: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    shown: npt.NDArray[np.floating] = colour * alpha[..., None] + np.array(ground) * (1 - alpha[..., None])
    return shown


def rgba(pixels: Tensor, alpha: Tensor | None) -> npt.NDArray[np.float32]:
    assert alpha is not None
    values: npt.NDArray[np.float32] = torch.cat([pixels, 255 * alpha], 1)[0].permute(1, 2, 0).numpy()
    return values


@pytest.mark.parametrize("hidden", [(255, 255, 255), (0, 0, 0), INK])
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "premultiplied.tif", "array", "image"])
def test_straight_colours_are_read(tmp_path: Path, suffix: str, hidden: tuple[int, int, int]) -> None:
    drawn = disc(hidden=hidden)
    path = tmp_path / f"a.{suffix}"
    if suffix == "premultiplied.tif":
        shares = drawn[..., 3:] / 255
        deep = np.concatenate([drawn[..., :3] * shares, drawn[..., 3:]], 2) * 257
        tifffile.imwrite(
            path, np.rint(deep).astype(np.uint16), photometric="rgb", extrasamples=["assocalpha"]
        )
    elif suffix in ("png", "webp", "tif"):
        Image.fromarray(drawn).save(path, lossless=True, exact=True)  # two words that only WebP knows
    source: PictureSource = path
    if suffix in ("array", "image"):
        source = drawn if suffix == "array" else Image.fromarray(drawn)
    picture = read_picture(source)
    got = rgba(picture.pixels, picture.alpha)
    np.testing.assert_allclose(got[..., 3], drawn[..., 3], atol=1e-3)
    # The colour of the disc everywhere, seen or not: there is no edge.
    np.testing.assert_allclose(got[..., :3], np.broadcast_to(INK, (64, 64, 3)), atol=0.3)


def test_what_is_hidden_takes_the_nearest_colour_that_is_there() -> None:
    colour = np.zeros((1, 9, 3), np.float32)
    colour[0, 2], colour[0, 7] = (10, 20, 30), (200, 100, 50)
    alpha = np.zeros((1, 9), np.float32)
    alpha[0, [2, 7]] = 0.8
    filled = fill_hidden(colour, alpha)
    np.testing.assert_array_equal(filled[0, :5], np.broadcast_to((10, 20, 30), (5, 3)))
    np.testing.assert_array_equal(filled[0, 5:], np.broadcast_to((200, 100, 50), (4, 3)))
    alpha[0, 4] = 0.5 / 255  # hardly a colour: half its own, half the nearest
    np.testing.assert_allclose(fill_hidden(colour, alpha)[0, 4], [5, 10, 15], atol=0.01)
    alpha[0, 4] = 1 / 255  # the least that 8 bits hold is a colour
    np.testing.assert_array_equal(fill_hidden(colour, alpha)[0, 4], [0, 0, 0])
    np.testing.assert_array_equal(fill_hidden(colour, np.zeros_like(alpha)), colour)


def test_the_smallest_opacity_of_sixteen_bits_keeps_its_place() -> None:
    deep = np.array([[[65535, 0, 0, 65535], [0, 65535, 0, 1]]], np.uint16)
    picture = read_picture(deep)
    assert picture.alpha is not None
    assert picture.alpha[0, 0, 0, 1] == pytest.approx(1 / 65535)
    assert picture.pixels[0, :, 0, 1].tolist() == pytest.approx([255, 0, 0], abs=1.1)


@pytest.mark.parametrize("size", [(32, 32), (48, 80), (90, 70)])
def test_resizing_mixes_no_hidden_colours(size: tuple[int, int]) -> None:
    picture = read_picture(disc(hidden=(0, 255, 0)))
    small = resize(picture.pixels, size, alpha=picture.alpha)
    np.testing.assert_allclose(small[0].mean(dim=(1, 2)), INK, atol=0.5)
    torch.testing.assert_close(
        small, torch.tensor(INK).view(1, 3, 1, 1).expand_as(small).float(), atol=0.5, rtol=0
    )


def test_resizing_weighs_colours_by_how_opaque_they_are() -> None:
    """Two pixels become one: of red, opaque, and blue, a quarter as much, four fifths are red."""
    pixels = torch.zeros(1, 3, 64, 64)
    pixels[:, 0, :, ::2], pixels[:, 2, :, 1::2] = 255.0, 255.0
    alpha = torch.ones(1, 1, 64, 64)
    alpha[..., 1::2] = 0.25
    inside = resize(pixels, (32, 32), alpha=alpha)[..., 8:24, 8:24]
    torch.testing.assert_close(inside[:, 0], torch.full_like(inside[:, 0], 255 * 0.8), atol=1.0, rtol=0)
    torch.testing.assert_close(inside[:, 2], torch.full_like(inside[:, 2], 255 * 0.2), atol=1.0, rtol=0)


@pytest.fixture(scope="module")
def unchanged() -> tuple[Result, list[Step]]:
    """A run over a transparent picture that changes nothing: the content is kept, nothing else counts."""
    settings = Settings(local_weight=0, global_weight=0, smoothness=0, iterations=4, scales=2)
    steps: list[Step] = []
    result = stylize(
        disc(hidden=(255, 255, 255)),
        np.full((32, 32, 3), 90, np.uint8),
        settings=settings,
        on_event=lambda event: steps.append(event) if isinstance(event, Step) else None,
    )
    return result, steps


def test_a_run_gives_colours_and_alpha_back(unchanged: tuple[Result, list[Step]], tmp_path: Path) -> None:
    result = unchanged[0]
    drawn = disc()
    got = rgba(result.pixels, result.alpha)
    np.testing.assert_allclose(got[..., 3], drawn[..., 3], atol=1e-3)
    np.testing.assert_allclose(got[..., :3], np.broadcast_to(INK, (64, 64, 3)), atol=1)
    alpha = drawn[..., 3] / 255
    for suffix in ("png", "webp", "tif"):
        path = tmp_path / f"a.{suffix}"
        write_picture(path, result.pixels, alpha=result.alpha)
        with Image.open(path) as image:
            back = np.asarray(image).astype(float)
        for ground in GROUNDS:
            expected = over(ground, np.broadcast_to(np.array(INK, float), (64, 64, 3)), alpha)
            np.testing.assert_allclose(over(ground, back[..., :3], back[..., 3] / 255), expected, atol=1.5)


def test_jpeg_lies_over_white_once(unchanged: tuple[Result, list[Step]], tmp_path: Path) -> None:
    result = unchanged[0]
    write_picture(tmp_path / "a.jpg", result.pixels, alpha=result.alpha)
    drawn = disc()
    expected = over((255, 255, 255), np.broadcast_to(np.array(INK, float), (64, 64, 3)), drawn[..., 3] / 255)
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_allclose(np.asarray(image), expected, atol=10)  # JPEG loses some


def test_every_step_carries_the_transparency_of_its_size(unchanged: tuple[Result, list[Step]]) -> None:
    steps = unchanged[1]
    assert {step.pixels.shape[-1] for step in steps} == {32, 64}
    for step in steps:
        assert step.alpha is not None
        assert step.alpha.shape[-2:] == step.pixels.shape[-2:]
        assert float(step.alpha.mean()) == pytest.approx(float(disc()[..., 3].mean()) / 255, abs=0.02)


def test_opaque_alpha_is_no_alpha() -> None:
    assert read_picture(np.full((4, 4, 4), 255, np.uint8)).alpha is None


def test_a_wash_is_there_as_a_whole() -> None:
    assert present_pixels(torch.full((1, 1, 2, 2), 0.2)).min() == 1
    assert present_pixels(torch.zeros(1, 1, 2, 2)).max() == 0


def test_colours_are_matched_where_they_are_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, source = (255 * torch.rand(1, 3, 24, 24, generator=generator) for _ in range(2))
    expected = match_colours(picture[..., :12], source[..., :16])
    picture_alpha, source_alpha = torch.zeros(1, 1, 24, 24), torch.zeros(1, 1, 24, 24)
    picture_alpha[..., :12], source_alpha[..., :16] = 1, 1
    got = match_colours(picture, source, picture_alpha=picture_alpha, source_alpha=source_alpha)
    torch.testing.assert_close(got[..., :12], expected)


def test_maps_lie_over_white(tmp_path: Path) -> None:
    """A transparent area of a map belongs to the class "white", as docs/maps.md says."""
    drawn = np.zeros((32, 32, 4), np.uint8)
    drawn[:, :16] = (255, 0, 0, 255)
    Image.fromarray(drawn).save(tmp_path / "map.png")
    shown = read_picture(tmp_path / "map.png").over_white[0]
    assert shown[:, 0, 0].tolist() == [255, 0, 0]
    assert shown[:, 0, 31].tolist() == [255, 255, 255]
    opaque = np.where(drawn[..., 3:] > 0, drawn[..., :3], 255).astype(np.uint8)
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    first, second = (
        prepare_inputs(
            read_sources(picture, picture, content_map=each, style_map=each, settings=Settings()), Settings()
        ).semantics
        for each in (drawn, opaque)
    )
    assert first is not None
    assert second is not None
    assert [each.colour_name for each in first.classes] == ["#ff0000", "#ffffff"]
    for ours, theirs in zip(first.channels, second.channels, strict=True):
        assert torch.equal(ours, theirs)


def test_a_rescued_picture_is_as_transparent(tmp_path: Path, unchanged: tuple[Result, list[Step]]) -> None:
    step = next(step for step in unchanged[1] if step.pixels.shape[-1] == 32)
    options = OutputOptions()
    rescue_best_picture(RuntimeError("broken"), step, (64, 64), tmp_path / "a.png", options)
    back = read_picture(tmp_path / "a.png")
    got = rgba(back.pixels, back.alpha)
    np.testing.assert_allclose(got[..., 3], disc()[..., 3], atol=40)  # of half the size
    np.testing.assert_allclose(got[..., :3], np.broadcast_to(INK, (64, 64, 3)), atol=1)


def test_the_studio_keeps_uploads_as_they_are(tmp_path: Path) -> None:
    Image.fromarray(disc()).save(tmp_path / "upload.png")
    storage = Storage(tmp_path / "data")
    kept = storage.picture(str(storage.keep_picture(tmp_path / "upload.png")["id"]))
    assert kept is not None
    once, twice = read_picture(tmp_path / "upload.png"), read_picture(kept)
    np.testing.assert_array_equal(rgba(once.pixels, once.alpha), rgba(twice.pixels, twice.alpha))


def test_texture_counts_what_is_there() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs, other = (
        {name: torch.rand(1, 6, 8, 8, generator=generator) for name in TEXTURE_LAYERS} for _ in range(3)
    )
    beside = {name: torch.cat([theirs[name], 100 * other[name]], 3) for name in TEXTURE_LAYERS}
    present = torch.zeros(1, 1, 32, 64)
    present[..., :32] = 1
    expected = texture_distance(ours, theirs)
    assert texture_distance(ours, beside, style_present=present) == pytest.approx(expected)
    assert texture_distance(ours, beside) != pytest.approx(expected)


def test_patches_that_are_not_there_are_neither_asked_nor_found() -> None:
    query, source = torch.rand(1, 4, 6, 6), torch.rand(1, 4, 6, 6)
    first, second = torch.rand(4, 4) < 0.6, torch.rand(4, 4) < 0.6
    ours, theirs = (F.normalize(F.unfold(each, 3)[0].T, dim=1) for each in (query, source))
    cosines = ours[first.flatten()] @ theirs[second.flatten()].T
    found = patch_distance(
        query, source, centre=torch.zeros(1, 4, 1, 1), query_patches=first, source_patches=second
    )
    assert found == pytest.approx(float((1 - cosines.max(dim=1).values).mean()), abs=1e-5)
