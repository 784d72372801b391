"""Reading pictures: every kind of file the program accepts, and everything it must refuse."""

import hashlib
import resource
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from glstylenet.errors import ImageError
from glstylenet.pictures.read import Picture, read_picture
from glstylenet.pictures.resize import fitted_size, resize

ROWS, COLUMNS = np.indices((10, 12), dtype=np.uint8)
RGB = np.stack([COLUMNS * 20, ROWS * 20, np.full_like(ROWS, 77)], 2)  # (10, 12, 3)
DEEP = np.array([[0, 1, 255, 256], [257, 32768, 32769, 65535]], np.uint16)
DEEP_RGB = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], 2)


def colours(picture: Picture) -> npt.NDArray[np.float32]:
    """The pixels as (H, W, 3)."""
    result: npt.NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return result


def png(path: Path, samples: npt.NDArray[np.uint16], colour_type: int, transparent: bytes = b"") -> Path:
    """A 16-bit PNG, unfiltered, written by hand: Pillow writes none with colour."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with path.open("ab") as file:
        header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        for name, content in chunks:
            if content or name != b"tRNS":
                file.write(struct.pack(">I", len(content)) + name + content)
                file.write(struct.pack(">I", zlib.crc32(name + content)))
    return path


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_lossless_formats_are_read_exactly_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.jpg"
    Image.fromarray(RGB).save(path, kind, lossless=True)
    picture = read_picture(path)
    np.testing.assert_array_equal(colours(picture), RGB)
    assert picture.pixels.dtype == torch.float32
    assert picture.pixels.shape == (1, 3, 10, 12)
    assert picture.size == (10, 12)
    assert (picture.name, picture.path, picture.alpha, picture.notes) == ("picture", path, None, ())
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_jpeg_and_gif_are_read(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=100, subsampling=0)
    Image.fromarray(RGB).save(tmp_path / "a.gif")
    assert np.abs(colours(read_picture(tmp_path / "a.jpg")) - RGB).max() <= 3
    np.testing.assert_array_equal(colours(read_picture(str(tmp_path / "a.gif"))), RGB)


def test_a_limit_that_another_library_set_does_not_interfere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in ("png", "jpg", "tif", "bmp"):
        Image.fromarray(RGB).save(tmp_path / f"a.{suffix}")
    Image.fromarray(RGB).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    for path in tmp_path.iterdir():
        assert read_picture(path).size == (10, 12)
    assert Image.MAX_IMAGE_PIXELS == 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "lzw.tif"])
def test_the_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    image.save(path, exif=exif, compression="tiff_lzw" if suffix.startswith("lzw") else None)
    moves = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Image.Transpose values, from the EXIF standard
    upright = image.transpose(Image.Transpose(moves[orientation])) if orientation > 1 else image
    np.testing.assert_array_equal(colours(read_picture(path)), np.asarray(upright))
    with Image.open(path) as stored:
        np.testing.assert_array_equal(
            colours(read_picture(stored)), np.asarray(ImageOps.exif_transpose(stored))
        )


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("layout", ["float32", "planes", "uint16"])
def test_the_orientation_of_deep_tiff_is_applied(tmp_path: Path, orientation: int, layout: str) -> None:
    samples = DEEP_RGB / np.float32(65535) if layout == "float32" else DEEP_RGB
    stored = np.moveaxis(samples, 2, 0) if layout == "planes" else samples
    planes = "separate" if layout == "planes" else None
    tag = (274, "H", 1, orientation, True)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planes, extratags=[tag], metadata=None)
    expected = np.rot90(DEEP_RGB, 2 if orientation == 3 else -1) / 257
    np.testing.assert_allclose(colours(read_picture(path)), expected, atol=1e-4)


@pytest.mark.parametrize("colour_type", [0, 2, 4, 6])
def test_sixteen_bit_png_keeps_its_precision(tmp_path: Path, colour_type: int) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    samples = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP], 2)[..., :channels]
    if colour_type == 4:
        samples[..., 1] = 65535
    elif colour_type == 6:
        samples[..., 3] = 65535
    got = colours(read_picture(png(tmp_path / "a.png", samples, colour_type)))
    expected = np.broadcast_to(samples[..., : 3 if channels > 2 else 1] / 257, (2, 4, 3))
    np.testing.assert_allclose(got, expected, atol=2e-5)
    assert got[1, 1, 0] == pytest.approx(127.5019, abs=1e-4)
    assert got[1, 1, 0] != got[1, 2, 0]
    assert got[1, 3, 0] == 255


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("layout", ["grey", "grey+alpha", "rgb", "rgba", "premultiplied", "planes"])
def test_sixteen_bit_tiff_keeps_its_precision(
    tmp_path: Path, byteorder: str, compression: str | None, layout: str
) -> None:
    path, half = tmp_path / "a.tif", np.full((2, 4, 1), 32768, np.uint16)
    grey = layout.startswith("grey")
    colour = DEEP[..., None] if grey else DEEP_RGB
    stored = colour
    if layout in ("grey+alpha", "rgba"):
        stored = np.concatenate([colour, half], 2)
    elif layout == "premultiplied":
        stored = np.concatenate([colour // 2, half], 2)
    elif layout == "planes":
        stored = np.moveaxis(colour, 2, 0)
    extra = {"premultiplied": ["assocalpha"], "rgba": ["unassalpha"], "grey+alpha": ["unassalpha"]}.get(
        layout
    )
    tifffile.imwrite(
        path,
        stored.squeeze(2) if layout == "grey" else np.ascontiguousarray(stored),
        photometric="minisblack" if grey else "rgb",
        planarconfig="separate" if layout == "planes" else "contig" if not grey or extra else None,
        extrasamples=extra,
        byteorder=byteorder,  # type: ignore[arg-type]
        compression=compression,
        metadata=None,
    )
    picture = read_picture(path)
    share = 32768 / 65535 if extra else 1.0
    expected = np.broadcast_to(colour / 257, (2, 4, 3))
    tolerance = 2e-2 if layout == "premultiplied" else 5e-5  # halving lost a bit
    np.testing.assert_allclose(colours(picture), expected, atol=tolerance)
    assert (picture.alpha is not None) == bool(extra)
    if picture.alpha is not None:
        assert picture.alpha.flatten().tolist() == pytest.approx([share] * 8, abs=1e-6)


def test_white_is_zero_and_twelve_bits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "white.tif", DEEP, photometric="miniswhite", metadata=None)
    np.testing.assert_allclose(
        colours(read_picture(tmp_path / "white.tif"))[..., 0], (65535 - DEEP) / 257.0, atol=2e-5
    )
    # Two 12-bit samples, 0x800 and 0xfff, take three bytes.
    tags = [
        (256, 3, 2),
        (257, 3, 1),
        (258, 3, 12),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 1),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in [*tags, (279, 4, 3)])
    start = b"II*\0" + struct.pack("<I", 12) + b"\x80\x0f\xff\0"
    (tmp_path / "twelve.tif").write_bytes(start + struct.pack("<H", 9) + entries + bytes(4))
    assert colours(read_picture(tmp_path / "twelve.tif"))[0, :, 0].tolist() == pytest.approx(
        [2048 / 4095 * 255, 255]
    )


@pytest.mark.parametrize("grey", [True, False])
def test_floating_point_tiff(tmp_path: Path, grey: bool) -> None:
    samples = np.array([[[0.0, 0.25, 1.0], [0.5, 0.1, 0.9]]], np.float32)
    stored = samples[..., 0] if grey else samples
    photometric = "minisblack" if grey else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric)
    expected = np.broadcast_to(stored[..., None] if grey else stored, (1, 2, 3)) * 255
    np.testing.assert_allclose(colours(read_picture(tmp_path / "a.tif")), expected, atol=1e-4)
    for wrong in (np.nan, np.inf, 1.5, -0.1):
        tifffile.imwrite(tmp_path / "b.tif", stored + np.float32(wrong), photometric=photometric)
        with pytest.raises(ImageError, match=r"b\.tif.*expected (floats in )?0\.\.1"):
            read_picture(tmp_path / "b.tif")


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_integers_without_a_known_range_are_refused(tmp_path: Path, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[-5, 7000]]).astype(dtype), photometric="minisblack")
    with pytest.raises(ImageError, match="expected 0 to 65535"):
        read_picture(tmp_path / "a.tif")


def transparent_palette() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 100, 0, 10, 20, 30])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = bytes([255, 51])
    return image


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "grey key", "rgb key"])
def test_alpha_is_kept_apart(tmp_path: Path, kind: str) -> None:
    path, share = tmp_path / "a.png", 0.2
    first, second = [200.0, 100.0, 0.0], [10.0, 20.0, 30.0]
    if kind == "RGBA":
        Image.fromarray(np.array([[[200, 100, 0, 255], [10, 20, 30, 51]]], np.uint8)).save(path)
    elif kind == "LA":
        Image.fromarray(np.array([[[200, 255], [10, 51]]], np.uint8)).save(path)
        first, second = [200.0] * 3, [10.0] * 3
    elif kind == "P":
        image = transparent_palette()
        image.save(path, transparency=image.info["transparency"])
    elif kind == "grey key":
        Image.fromarray(np.array([[200, 10]], np.uint8)).save(path, transparency=10)
        first, share = [200.0] * 3, 0.0
    else:
        Image.fromarray(np.array([[first, second]], np.uint8)).save(path, transparency=(10, 20, 30))
        share = 0.0
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha.shape == (1, 1, 1, 2)
    assert picture.alpha.flatten().tolist() == pytest.approx([1.0, share])
    # A colour that nobody sees is the one beside it.
    np.testing.assert_allclose(colours(picture)[0], [first, second if share else first], atol=1e-4)
    over_white = [value * share + 255 * (1 - share) for value in second]
    np.testing.assert_allclose(
        picture.over_white[0, :, 0].T.numpy(), [first, over_white if share else [255] * 3], atol=1e-4
    )


@pytest.mark.parametrize("colour_type", [0, 2])
def test_a_transparent_sixteen_bit_colour(tmp_path: Path, colour_type: int) -> None:
    samples = DEEP_RGB if colour_type else DEEP[..., None]
    key = samples[1, 1].astype(">u2").tobytes()
    picture = read_picture(png(tmp_path / "a.png", samples, colour_type, key))
    assert picture.alpha is not None
    assert picture.alpha.flatten().tolist() == [1, 1, 1, 1, 1, 0, 1, 1]


def test_one_bit_and_palette(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert colours(read_picture(tmp_path / "a.png")).tolist() == [[[255] * 3, [0] * 3]]
    palette = transparent_palette()
    del palette.info["transparency"]
    palette.save(tmp_path / "b.png")
    assert colours(read_picture(tmp_path / "b.png")).tolist() == [[[200, 100, 0], [10, 20, 30]]]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_many_frames_the_first_is_used(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    path = tmp_path / f"a.{suffix}"
    if suffix == "webp":
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    else:
        frames[0].save(path, save_all=True, append_images=frames[1:])
    picture = read_picture(path)
    assert np.unique(colours(picture).reshape(-1, 3), axis=0).tolist() == [[200, 0, 0]]
    noun = "pages" if suffix == "tif" else "frames"
    assert picture.notes == (f"holds 3 {noun}; only the first is used",)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ImageError, match=rf"a\.{suffix}: begins like a .* cut") as caught:
        read_picture(path)
    assert caught.value.__cause__ is not None


def test_a_huge_header_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    png(path, DEEP[..., None], 0)
    data = path.read_bytes()
    header = b"IHDR" + struct.pack(">II", 60000, 60000) + data[24:29]
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match=r"60000 x 60000 .* 3,600,000,000 .* 200,000,000 .*--max-pixels"):
        read_picture(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_size_limits_hold_for_every_source(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "float.tif", RGB / np.float32(255), photometric="rgb")
    for source in (tmp_path / "a.png", tmp_path / "float.tif", RGB, Image.fromarray(RGB)):
        assert read_picture(source, max_pixels=120, smallest_side=10).size == (10, 12)
        with pytest.raises(ImageError, match=r"12 x 10 pixels .*at most 119"):
            read_picture(source, max_pixels=119)
        with pytest.raises(ImageError, match=r"12 x 10 pixels .*smallest accepted size is 11 x 11"):
            read_picture(source, smallest_side=11)


def test_damaged_exif_data_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path, exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    picture = read_picture(path)
    assert picture.size == (10, 12)
    assert any(note.startswith("has damaged metadata (Corrupt EXIF data") for note in picture.notes)
    words = struct.pack("<HHI4sI", 0x0112, 2, 4, b"abc\0", 0)  # an orientation that is not a number
    sideways = b"II*\0\x08\0\0\0\x01\0" + words
    Image.fromarray(RGB).save(path, exif=b"Exif\0\0" + sideways)
    picture = read_picture(path)
    assert picture.size == (10, 12)
    assert picture.notes == ("its EXIF data is damaged; the picture is used as it is stored",)


def test_threads_hear_their_own_warnings_and_leave_the_filters_alone(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)  # as many changes of thread as can be
    path, filters = tmp_path / "a.jpg", list(warnings.filters)
    Image.fromarray(RGB).save(path, exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    with ThreadPoolExecutor(8) as pool:
        notes = [picture.notes for picture in pool.map(read_picture, [path] * 64)]
    assert notes == [read_picture(path).notes] * 64
    assert list(warnings.filters) == filters


def test_a_bomb_in_the_metadata_is_left_alone(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("comment", "a" * 100_000_000, zip=True)
    Image.fromarray(RGB).save(tmp_path / "a.png", pnginfo=info)
    assert (tmp_path / "a.png").stat().st_size < 200_000
    np.testing.assert_array_equal(colours(read_picture(tmp_path / "a.png")), RGB)


@pytest.mark.parametrize(
    "array",
    [
        RGB,
        RGB.astype(np.uint16) * 257,
        (RGB.astype(np.uint16) * 257).astype(">u2"),
        RGB / np.float32(255),
        RGB / 255.0,
        np.concatenate([RGB, np.full((10, 12, 1), 255, np.uint8)], 2),
    ],
)
def test_arrays_of_every_type(array: npt.NDArray[np.generic]) -> None:
    picture = read_picture(array)
    np.testing.assert_allclose(colours(picture), RGB, atol=1e-4)
    assert (picture.name, picture.path) == ("array", None)
    assert picture.alpha is None  # opaque everywhere


def test_floats_may_leave_their_range_by_rounding() -> None:
    array = np.array([[-1e-7, 0.5, 1.0000001, 1.00009]], np.float32)
    kept = array.copy()
    np.testing.assert_array_equal(colours(read_picture(array))[0, :, 0], [0, 127.5, 255, 255])
    np.testing.assert_array_equal(array, kept)


def test_an_array_is_copied_and_told_apart_by_shape() -> None:
    array = np.zeros((2, 3), np.uint8)
    first, second = read_picture(array), read_picture(array.reshape(3, 2))
    assert first.sha256 != second.sha256
    assert first.sha256 == read_picture(array.copy()).sha256
    image = Image.fromarray(RGB)
    assert read_picture(image).name == "image"
    read_picture(image).pixels.zero_()
    np.testing.assert_array_equal(np.asarray(image), RGB)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.array([[np.nan]]), "not finite"),
        (np.array([[np.inf]]), "not finite"),
        (np.array([[0.0, 255.0]]), "floats from 0 to 255; expected 0..1"),
        (np.array([[-0.0002, 1.0]]), "floats from -0.0002 to 1; expected 0..1"),
        (np.array([[0.0, 1.0002]], np.float32), r"floats from 0 to 1\.0002; expected 0\.\.1"),
        (np.array([[1, 2]]), "int64; expected uint8"),
        (np.zeros((3, 8, 8, 3), np.uint8), r"shape \(3, 8, 8, 3\)"),
        (np.zeros((3, 8, 8), np.uint8), r"shape \(3, 8, 8\)"),
        (np.zeros((0, 5), np.uint8), "smallest accepted size"),
    ],
)
def test_impossible_arrays_are_refused(array: npt.NDArray[np.generic], found: str) -> None:
    with pytest.raises(ImageError, match=found):
        read_picture(array)


def test_resize() -> None:
    pixels = torch.zeros(1, 3, 32, 32)
    pixels[..., ::4] = 255.0
    assert resize(pixels, (32, 32)) is pixels
    reduced = resize(pixels, (32, 8))
    assert reduced.shape == (1, 3, 32, 8)
    assert (reduced[..., 1:-1] - 63.75).abs().max() < 3  # antialiased: stripes become an even grey
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 255.0
    enlarged = resize(edge, (40, 40))
    assert (enlarged.min().item(), enlarged.max().item()) == (0.0, 255.0)  # no overshoot


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((300, 400), None, (300, 400)),
        ((300, 400), 200, (150, 200)),
        ((300, 400), 800, (600, 800)),
        ((1, 4000), 100, (1, 100)),
        ((512, 352), 256, (256, 176)),
        ((333, 1000), 7, (2, 7)),
    ],
)
def test_fitted_size(size: tuple[int, int], longest: int | None, expected: tuple[int, int]) -> None:
    assert fitted_size(size, longest) == expected
