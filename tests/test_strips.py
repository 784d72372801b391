"""Pictures that are read in strips: the numbers are those of the picture that is read whole."""

import itertools
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import ExifTags, Image
from torch import Tensor

from glstylenet.errors import ImageError
from glstylenet.pictures import (
    PictureSource,
    fitted_size,
    open_strips,
    png,
    read_picture,
    resize,
    strips,
    tiff,
)
from glstylenet.pictures.file_type import open_picture
from glstylenet.pictures.raster import SizeLimits
from glstylenet.pictures.resized_window import resized_rows
from tests.long_cases import rest_is_long
from tests.test_profiles import matrix_profile, parametric

HEIGHT, WIDTH = 37, 52

PROFILE = matrix_profile((0.61, 0.31, 0.02), (0.2, 0.63, 0.07), (0.15, 0.06, 0.74), parametric(0, 1.8))
"""Of wider primaries than sRGB's, and another curve."""

_WITHIN_OF_HIDDEN = 0.2
"""With less alpha than 8 bits can hold, the whole has a neighbour's colour: it hardly shows on white."""


@pytest.fixture(autouse=True)
def _few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures are read as large ones are: four rows at a time."""
    for module in (tiff, png, strips):
        monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 4 * WIDTH)


def _samples(channels: int, dtype: Any = np.uint8) -> npt.NDArray[Any]:
    """Smooth waves with all values of the range, different in each channel."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [np.sin(across / (5 + n) + n) * np.cos(down / (4 + n)) for n in range(channels)]
    values = (np.stack(waves, axis=2) + 1) / 2
    return (
        values.astype(dtype) if np.dtype(dtype).kind == "f" else (values * np.iinfo(dtype).max).astype(dtype)
    )


def _in_strips(source: PictureSource, size: tuple[int, int] | None = None) -> tuple[Tensor, list[str]]:
    with open_strips(source) as picture:
        size = size or picture.size
        pixels = torch.full((1, 3, *size), torch.nan)
        for window, part in picture.resized(size):
            assert torch.isnan(pixels[..., *window.slices]).all()
            pixels[..., *window.slices] = part
    assert not torch.isnan(pixels).any()
    return pixels, picture.notes


def _check(source: PictureSource, *, within: float = 1e-3) -> None:
    """Compare with the picture that is read whole, at its size and at others."""
    whole = read_picture(source)
    found, notes = _in_strips(source)
    assert tuple(found.shape[2:]) == whole.size
    assert (found - whole.over_white).abs().max() <= within
    assert notes == list(whole.notes)
    for longest in (20, 31, 80):
        size = fitted_size(whole.size, longest)
        resized, _ = _in_strips(source, size)
        assert (resized - resize(whole.over_white, size)).abs().max() <= 1.1 * within + 0.01
    with open_strips(source) as picture:
        assert picture.sha256 == whole.sha256
        for _ in picture.resized((9, 9)):
            pass
        assert picture.is_transparent == (whole.alpha is not None)


def _is_read_in_strips(path: Path) -> bool:
    file, form = open_picture(path)
    with file:
        found = form.decode_strips(file, SizeLimits("it", 10**6, 1))
        return found is not None and len(list(found.rasters)) > 5


_TIFF: Mapping[str, tuple[int, Any, Mapping[str, Any]]] = {
    "tiles in planes": (3, np.uint8, {"tile": (16, 16), "planarconfig": "separate"}),
    "strips": (3, np.uint8, {"rowsperstrip": 4}),
    "big-endian": (3, np.uint16, {"rowsperstrip": 8, "byteorder": ">"}),
    "alpha": (4, np.uint8, {"tile": (16, 16), "extrasamples": ["unassalpha"]}),
    "grey": (1, np.uint8, {"tile": (16, 16), "photometric": "minisblack"}),
    "a profile": (3, np.uint8, {"tile": (16, 16), "iccprofile": True}),
    "tiles": (3, np.uint8, {"tile": (16, 32)}),
    "strips in planes": (3, np.uint8, {"rowsperstrip": 7, "planarconfig": "separate"}),
    "lzw": (3, np.uint8, {"tile": (16, 16), "compression": "lzw", "predictor": True}),
    "zstd": (3, np.uint16, {"rowsperstrip": 8, "compression": "zstd"}),
    "floats": (3, np.float32, {"tile": (16, 16), "compression": "zlib", "predictor": True}),
    "32 bits": (3, np.uint32, {"tile": (16, 16)}),
    "deep grey": (1, np.uint16, {"tile": (16, 16), "photometric": "minisblack"}),
    "white is zero": (1, np.uint8, {"rowsperstrip": 3, "photometric": "miniswhite"}),
    "deep alpha": (4, np.uint16, {"tile": (16, 16), "extrasamples": ["unassalpha"]}),
    "cmyk": (4, np.uint8, {"tile": (16, 16), "photometric": "separated"}),
    "BigTIFF": (3, np.uint8, {"tile": (16, 16), "bigtiff": True}),
    "a deep profile": (3, np.uint16, {"tile": (16, 16), "iccprofile": True}),
}


_ORIENTATIONS = sorted(
    itertools.product(range(1, 9), (".tif", ".png")),
    key=lambda case: case not in {(6, ".tif"), (7, ".png"), (4, ".png")},
)


def _write_tiff(path: Path, samples: npt.NDArray[Any], given: Mapping[str, Any]) -> Path:
    options = {"photometric": "rgb", **given}
    outer = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    if "iccprofile" in options:
        options["iccprofile"] = PROFILE
    if options.get("planarconfig") == "separate":
        samples = np.moveaxis(samples, 2, 0)
    elif samples.shape[2] == 1:
        samples = samples[..., 0]
    with tifffile.TiffWriter(path, **outer) as writer:
        writer.write(samples, metadata=None, **options)
    return path


@pytest.mark.parametrize("kind", rest_is_long(_TIFF, 6))
def test_a_tiff_is_the_same_in_strips(kind: str, tmp_path: Path) -> None:
    channels, dtype, options = _TIFF[kind]
    path = _write_tiff(tmp_path / "a.tif", _samples(channels, dtype), options)
    assert _is_read_in_strips(path)
    _check(path, within=_WITHIN_OF_HIDDEN if kind == "deep alpha" else 1e-3)


def test_premultiplied_alpha(tmp_path: Path) -> None:
    """Divided out in 8 bits by Pillow, which rounds, and in floating point in strips: within a level."""
    samples = _samples(4)
    samples[..., :3] = (samples[..., :3].astype(float) * samples[..., 3:] / 255).astype(np.uint8)
    options = {"tile": (16, 16), "extrasamples": ["assocalpha"]}
    path = _write_tiff(tmp_path / "a.tif", samples, options)
    assert _is_read_in_strips(path)
    _check(path, within=1)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2)])
def test_jpeg_in_a_tiff(subsampling: tuple[int, int], tmp_path: Path) -> None:
    options = {
        "tile": (16, 16),
        "photometric": "ycbcr",
        "compression": "jpeg",
        "compressionargs": {"level": 95},
        "subsampling": subsampling,
    }
    path = _write_tiff(tmp_path / "a.tif", _samples(3), options)
    assert _is_read_in_strips(path)
    _check(path, within=1)


def test_samples_that_lie_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strip as large as the picture is read by rows if it is stored as it is, and else as a whole."""
    monkeypatch.setattr(tiff, "_LARGEST_ROW", 1000)
    for order in "<>":
        options = {"rowsperstrip": HEIGHT, "byteorder": order}
        path = _write_tiff(tmp_path / "stored.tif", _samples(3, np.uint16), options)
        assert _is_read_in_strips(path)
        _check(path)
    path = _write_tiff(tmp_path / "b.tif", _samples(3), {"rowsperstrip": HEIGHT, "compression": "zlib"})
    assert not _is_read_in_strips(path)
    _check(path)


def test_tags_of_colours(tmp_path: Path) -> None:
    """White and primaries of Adobe RGB: what the whole is read with, also without a profile."""
    points = [(3127, 3290), (64, 33), (21, 71), (15, 6)]
    white, *primaries = [[x, 10_000 if x > 1000 else 100, y, 10_000 if y > 1000 else 100] for x, y in points]
    tags = [(318, 5, 2, tuple(white), True), (319, 5, 6, tuple(itertools.chain(*primaries)), True)]
    path = _write_tiff(tmp_path / "a.tif", _samples(3), {"tile": (16, 16), "extratags": tags})
    assert (read_picture(path).pixels - read_picture(_samples(3)).pixels).abs().max() > 5
    _check(path)


@pytest.mark.parametrize(("orientation", "suffix"), rest_is_long(_ORIENTATIONS, 3))
def test_orientation(orientation: int, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        _write_tiff(path, _samples(3), {"rowsperstrip": 4, "extratags": [(274, 3, 1, orientation, True)]})
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Image.fromarray(_samples(3)).save(path, exif=exif)
    assert _is_read_in_strips(path)
    _check(path)
    whole = read_picture(path).pixels
    for stored in ((HEIGHT, WIDTH), (12, 20)):
        with open_strips(path) as picture:
            size = stored if picture.size == (HEIGHT, WIDTH) else stored[::-1]
            rows, columns = (
                ((torch.arange(count) + 0.5) * length / count).long()
                for count, length in zip(size, whole.shape[2:], strict=True)
            )
            assert torch.equal(picture.sampled(size), whole[:, :, rows][..., columns])


def _png_of(colour_type: int, depth: int, chunks: Mapping[bytes, bytes], *, filters: bool) -> bytes:
    """Return a PNG file, written by hand: every filter in turn if ``filters``."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    values = _samples(channels, np.uint16 if depth == 16 else np.uint8)
    if depth < 8:
        levels = (values >> (8 - depth)).astype(np.uint8)
        levels = (values >> (8 - depth)).astype(np.uint8)
        bits = np.unpackbits(levels, axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(HEIGHT, -1), axis=1)
    else:
        rows = np.ascontiguousarray(values.astype(">u2") if depth == 16 else values).view(np.uint8)
        rows = rows.reshape(HEIGHT, -1)
    step = max(1, channels * depth // 8)
    data = b""
    before = np.zeros(rows.shape[1], int)
    for number, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        corner = np.concatenate([np.zeros(step, int), before[:-step]])
        guess = left + before - corner
        far = np.abs([guess - left, guess - before, guess - corner])
        paeth = np.choose(np.argmin(far, axis=0), [left, before, corner])
        predictions = [np.zeros_like(row), left, before, (left + before) // 2, paeth]
        kind = number % 5 if filters else 0
        data += bytes([kind]) + ((row - predictions[kind]) % 256).astype(np.uint8).tobytes()
        before = row
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour_type, 0, 0, 0)
    stream = zlib.compress(data)
    samples = [(b"IDAT", stream[:50]), (b"IDAT", stream[50:])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in [(b"IHDR", header), *chunks.items(), *samples, (b"IEND", b"")]
    )


def _png_cases() -> Iterator[tuple[int, int, Mapping[bytes, bytes]]]:
    palette = bytes(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8))
    yield 2, 8, {}
    yield 6, 16, {}
    yield 3, 8, {b"PLTE": palette, b"tRNS": bytes(range(200))}
    yield 0, 2, {b"tRNS": struct.pack(">H", 2)}
    yield 2, 16, {b"iCCP": b"p\0\0" + zlib.compress(PROFILE)}
    yield 2, 8, {b"gAMA": struct.pack(">I", 100_000)}
    yield 2, 8, {b"cICP": bytes([12, 13, 0, 1])}
    yield 0, 8, {b"tRNS": struct.pack(">H", 127)}
    for depth in (1, 2, 4, 8, 16):
        yield 0, depth, {}
    for depth in (1, 2, 4, 8):
        yield 3, depth, {b"PLTE": palette[: 3 * 2**depth]}
    yield 2, 16, {}
    yield 4, 8, {}
    yield 4, 16, {}
    yield 6, 8, {}


_WITH_FILTERS = [(*case, True) for case in _png_cases()] + [(*case, False) for case in _png_cases()]


@pytest.mark.parametrize(("colour_type", "depth", "chunks", "filters"), rest_is_long(_WITH_FILTERS, 6))
def test_a_png_is_the_same_in_strips(
    colour_type: int, depth: int, chunks: Mapping[bytes, bytes], filters: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(_png_of(colour_type, depth, chunks, filters=filters))
    assert _is_read_in_strips(path)
    _check(path, within=_WITHIN_OF_HIDDEN if colour_type in (4, 6) and depth == 16 else 1e-3)


def test_what_is_read_whole_is_the_same_too(tmp_path: Path) -> None:
    image = Image.fromarray(_samples(3))
    sources: list[PictureSource] = [_samples(3), _samples(4), image, image.convert("LA")]
    for name in ("a.jpg", "a.webp", "a.gif", "a.bmp"):
        image.save(tmp_path / name)
        sources.append(tmp_path / name)
    image.quantize(16).save(tmp_path / "palette.tif")
    sources.append(tmp_path / "palette.tif")
    for source in sources:
        _check(source)
    assert not _is_read_in_strips(tmp_path / "palette.tif")
    with (tmp_path / "a.jpg").open("rb") as file:
        found, _ = _in_strips(file)
    assert torch.equal(found, read_picture(tmp_path / "a.jpg").pixels)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_damaged_file_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    if suffix == ".tif":
        tifffile.imwrite(path, noise, rowsperstrip=4, compression="zlib")
        data = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as file:
            place = file.pages.first.dataoffsets[5]
        data[place : place + 20] = bytes(20)  # of the sixth strip
    else:
        Image.fromarray(noise).save(path)
        data = bytearray(path.read_bytes()[:3000])  # cut short
    path.write_bytes(data)
    with pytest.raises(ImageError, match=f"a{suffix}: begins like a .* picture but cannot be decoded"):
        _in_strips(path)


def test_limits_hold_in_strips_too(tmp_path: Path) -> None:
    path = _write_tiff(tmp_path / "a.tif", _samples(3), {"tile": (16, 16)})
    with pytest.raises(ImageError, match="at most 1,000 are accepted"), open_strips(path, max_pixels=1000):
        pass


@pytest.mark.parametrize("target", [(10, 11), (37, 52), (38, 51), (80, 30), (1, 1)])
def test_rows_are_those_of_the_whole_resized(
    target: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["glstylenet.pictures.resized_window"]  # the package has a function of its name
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 12)
    monkeypatch.setattr(module, "_COLUMNS_AT_ONCE", 7)
    picture = torch.rand(1, 3, 37, 52, generator=torch.Generator().manual_seed(0)) * 255
    for length in (1, 5, 37):
        rows = torch.cat(list(resized_rows(torch.split(picture, length, dim=2), (37, 52), target)), dim=2)
        assert (rows - resize(picture, target)).abs().max() < 2e-3
