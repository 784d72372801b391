"""TIFF: layouts of samples, each compared with numbers that are computed here, and camera raws."""

import itertools
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from glstylenet.errors import ImageError
from glstylenet.pictures.raster import Raster, SizeLimits
from glstylenet.pictures.read import Picture, read_picture
from glstylenet.pictures.tiff import decode_tiff

ROWS, COLUMNS = np.indices((40, 56))
SHARES = np.stack([COLUMNS / 55, ROWS / 39, (ROWS + COLUMNS) / 94], 2)  # (40, 56, 3), 0..1
ALPHA = np.where(COLUMNS < 28, 1, 0.25 + SHARES[..., 2] / 2)[..., None]  # the left half is opaque
OPAQUE = ALPHA[..., 0] == 1


def colours(picture: Picture) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return result


def decoded(path: Path) -> Raster:
    with path.open("rb") as file:
        return decode_tiff(file, SizeLimits(str(path), max_pixels=10_000, smallest_side=1))


COMPRESSIONS = (
    ("none", None, None),
    ("lzw", "lzw", None),
    ("lzw, differences", "lzw", 2),
    ("deflate", "zlib", None),
    ("deflate, differences", "zlib", 2),
    ("deflate, float differences", "zlib", 3),
    ("zstd", "zstd", None),
    ("lzma", "lzma", None),
    ("packbits", "packbits", None),
)


DEPTHS = ("uint8", "uint16", "uint32", "float16", "float32", "float64")

ENCODINGS = [
    (dtype, compression)
    for dtype in DEPTHS
    for compression in COMPRESSIONS
    # Differences are of integers or of floats.
    if compression[2] is None or (compression[2] == 3) == (np.dtype(dtype).kind == "f")
]


@pytest.mark.parametrize(
    ("dtype", "compression"), ENCODINGS, ids=[f"{dtype}-{compression[0]}" for dtype, compression in ENCODINGS]
)
def test_every_depth_compression_and_layout(
    tmp_path: Path, dtype: str, compression: tuple[str, str | None, int | None]
) -> None:
    _, codec, predictor = compression
    largest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    for layout, byteorder in itertools.product(("strips", "tiles", "planes", "alpha", "grey"), ("<", ">")):
        shares = np.concatenate([SHARES, ALPHA], 2) if layout == "alpha" else SHARES
        samples = (shares if largest == 1 else np.rint(shares * largest)).astype(dtype)
        if layout == "grey":
            samples = samples[..., 2]
        elif layout == "planes":
            samples = np.moveaxis(samples, 2, 0)
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.ascontiguousarray(samples),
            photometric="minisblack" if layout == "grey" else "rgb",
            planarconfig="separate" if layout == "planes" else None if layout == "grey" else "contig",
            extrasamples=["unassalpha"] if layout == "alpha" else None,
            compression=codec,
            predictor=predictor,
            tile=(16, 32) if layout == "tiles" else None,
            byteorder=byteorder,  # type: ignore[arg-type]
            metadata=None,
        )
        picture = read_picture(tmp_path / "a.tif")
        assert picture.notes == (), (layout, byteorder)
        expected = SHARES[..., 2:].repeat(3, 2) * 255 if layout == "grey" else 255 * SHARES
        if layout == "alpha":
            assert picture.alpha is not None
            np.testing.assert_allclose(picture.alpha[0, 0].numpy(), ALPHA[..., 0], atol=3e-3)
        tolerance = {"uint8": 1.0, "float16": 0.15}.get(dtype, 0.01)
        where = OPAQUE if layout == "alpha" else np.ones_like(OPAQUE)
        np.testing.assert_allclose(
            colours(picture)[where], expected[where], atol=tolerance, err_msg=f"{layout} {byteorder}"
        )


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("planes", [False, True])
def test_cmyk(tmp_path: Path, dtype: str, with_alpha: bool, planes: bool) -> None:
    """Without a profile, ink takes its share of the light: (255 - C) (255 - K) / 255."""
    largest = np.iinfo(dtype).max
    black = np.full((40, 56, 1), 0.25)
    shares = np.concatenate([1 - SHARES, black, *([ALPHA] if with_alpha else [])], 2)
    samples = np.rint(shares * largest).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ascontiguousarray(np.moveaxis(samples, 2, 0) if planes else samples),
        photometric="separated",
        planarconfig="separate" if planes else "contig",
        extrasamples=["unassalpha"] if with_alpha else None,
        metadata=None,
    )
    picture = read_picture(tmp_path / "a.tif")
    expected = 255 * SHARES * 0.75
    if with_alpha:
        assert picture.alpha is not None
        np.testing.assert_allclose(picture.alpha[0, 0].numpy(), ALPHA[..., 0], atol=3e-3)
    where = OPAQUE if with_alpha else np.ones_like(OPAQUE)
    np.testing.assert_allclose(colours(picture)[where], expected[where], atol=1.6)


def test_premultiplied_alpha_is_divided_out(tmp_path: Path) -> None:
    samples = np.concatenate([SHARES * ALPHA, ALPHA], 2).astype(np.float32)
    tifffile.imwrite(
        tmp_path / "a.tif", samples, photometric="rgb", extrasamples=["assocalpha"], metadata=None
    )
    raster = decoded(tmp_path / "a.tif")
    np.testing.assert_allclose(raster.colour, 255 * SHARES, atol=1e-2)
    assert raster.alpha is not None
    np.testing.assert_allclose(raster.alpha, ALPHA[..., 0], atol=1e-6)


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("encoding", ["cielab", "icclab"])
@pytest.mark.parametrize("depth", [8, 16])
def test_cielab(tmp_path: Path, encoding: str, depth: int, planes: bool) -> None:
    """Two encodings: signed a* and b*, or unsigned ones and L* that ends at 0xFF00 of 16 bits."""
    if (encoding, depth) == ("cielab", 8):
        pytest.skip("Pillow reads it")
    lab = np.stack([SHARES[..., 0] * 100, SHARES[..., 1] * 250 - 127, SHARES[..., 2] * -250 + 127], 2)
    unit = 2 ** (depth - 8)
    whole = 255 * unit if encoding == "icclab" else 2**depth - 1
    offset = 128 * unit if encoding == "icclab" else 0
    signed = np.rint(np.concatenate([lab[..., :1] / 100 * whole, lab[..., 1:] * unit + offset], 2))
    samples = (signed.astype(np.int64) % 2**depth).astype(f"uint{depth}")
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ascontiguousarray(np.moveaxis(samples, 2, 0) if planes else samples),
        photometric=encoding,
        planarconfig="separate" if planes else "contig",
        metadata=None,
    )
    raster = decoded(tmp_path / "a.tif")
    expected = np.stack([lab[..., 0] * 2.55, lab[..., 1] + 128, lab[..., 2] + 128], 2)
    assert raster.space == "LAB"
    np.testing.assert_allclose(raster.colour, expected, atol=0.51 if depth == 8 else 0.01)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_grey_of_odd_depths(tmp_path: Path, bits: int, photometric: str) -> None:
    """Packed by hand: the first bit of a sample is its most significant one."""
    largest = 2**bits - 1
    values = np.rint(SHARES[..., 2] * largest).astype(np.int64)
    rows = []
    for row in values:
        text = "".join(format(value, f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    data = b"".join(rows)
    entries = [
        *(
            (256, 4, 56),
            (257, 4, 40),
            (258, 3, bits),
            (259, 3, 1),
            (262, 3, int(photometric == "minisblack")),
        ),
        *((273, 4, 8), (277, 3, 1), (278, 4, 40), (279, 4, len(data))),
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4))
    got = colours(read_picture(path))[..., 0]
    expected = 255 * (SHARES[..., 2] if photometric == "minisblack" else 1 - SHARES[..., 2])
    np.testing.assert_allclose(got, expected, atol=255 / largest)


@pytest.mark.parametrize("channels", [2, 5])
@pytest.mark.parametrize("dtype", ["float16", "uint16"])
def test_samples_that_have_no_meaning_are_left_out(tmp_path: Path, channels: int, dtype: str) -> None:
    shares = np.concatenate([SHARES, SHARES], 2)[..., :channels]
    samples = (shares * (1 if dtype == "float16" else 65535)).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        photometric="minisblack" if channels == 2 else "rgb",
        planarconfig="contig",
        extrasamples=["unspecified"] * (channels - (1 if channels == 2 else 3)),
        metadata=None,
    )
    picture = read_picture(tmp_path / "a.tif")
    expected = SHARES[..., :1].repeat(3, 2) if channels == 2 else SHARES
    np.testing.assert_allclose(colours(picture), 255 * expected, atol=0.2)
    assert picture.alpha is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -0.1])
def test_floats_outside_of_their_range_are_refused(tmp_path: Path, value: float) -> None:
    samples = SHARES.astype(np.float32)
    samples[20, 30, 1] = value
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", compression="zlib", predictor=3)
    with pytest.raises(ImageError, match=r"expected (floats in )?0\.\.1"):
        read_picture(tmp_path / "a.tif")


def raw(version: bool, photometric: int, nested: int) -> bytes:
    """A TIFF file of a small picture, with a second directory of sensor data that only tags name."""
    small, sensor = bytes(range(48)), bytes(64)
    place = 8
    first = place + len(small) + len(sensor)

    def directory(entries: list[tuple[int, int, int]], following: int = 0) -> bytes:
        packed = (struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries))
        return struct.pack("<H", len(entries)) + b"".join(packed) + struct.pack("<I", following)

    def basic(start: int, length: int, meaning: int, side: int, channels: int) -> list[tuple[int, int, int]]:
        own = [(256, 3, side), (257, 3, side), (258, 3, 8), (259, 3, 1), (262, 3, meaning), (273, 4, start)]
        return [*own, (277, 3, channels), (278, 3, side), (279, 4, length)]

    own = basic(place, 48, 2, 4, 3) + ([(50706, 1, 4)] if version else [])
    second = first + len(directory([*own, *([(330, 4, 0)] if nested else [])]))
    own += [(330, 4, second)] if nested else []
    data = b"II*\0" + struct.pack("<I", first) + small + sensor
    data += directory(own, 0 if nested else second)
    return data + directory(basic(place + 48, 64, photometric, 8, 1))


@pytest.mark.parametrize("nested", [0, 1])
@pytest.mark.parametrize(
    ("version", "photometric", "words"),
    [
        (True, 32803, "a DNG camera raw"),
        (True, 34892, "a DNG camera raw"),
        (True, 1, "a DNG camera raw"),
        (False, 32803, "a camera raw"),
        (False, 34892, "a camera raw"),
    ],
)
def test_a_camera_raw_is_not_painted_from_its_thumbnail(
    tmp_path: Path, version: bool, photometric: int, words: str, nested: int
) -> None:
    (tmp_path / "a.tif").write_bytes(raw(version, photometric, nested))
    with pytest.raises(ImageError, match=rf"a\.tif: is {words}.*raw converter.*16-bit TIFF"):
        read_picture(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(raw(False, 1, nested))  # two pictures, and none is raw
    assert read_picture(tmp_path / "b.tif").size == (4, 4)


def pages(count: int, ring: bool = False) -> bytes:
    """Pages of 2 x 2 grey pixels with the same samples; the last names the first if they are a ``ring``."""
    data = bytearray(b"II*\0" + struct.pack("<I", 12) + b"\x01\x02\x03\x04")
    entries = [(256, 3, 2), (257, 3, 2), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, 2)]
    packed = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in [*entries, (279, 4, 4)]
    )
    for index in range(count):
        following = len(data) + 2 + len(packed) + 4
        if index == count - 1:
            following = 12 if ring else 0
        data += struct.pack("<H", 8) + packed + struct.pack("<I", following)
    return bytes(data)


@pytest.mark.parametrize("count", [2, 150, 20_000])
@pytest.mark.parametrize("ring", [False, True])
def test_pages_are_counted_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, ring: bool
) -> None:
    """Pillow compares each page with all before it; 20,000 of them took half a minute."""
    monkeypatch.setattr(
        "PIL.TiffImagePlugin.TiffImageFile.n_frames", property(lambda _: pytest.fail("counts by reading"))
    )
    (tmp_path / "a.tif").write_bytes(pages(count, ring))
    picture = read_picture(tmp_path / "a.tif")
    assert picture.notes == (f"holds {count} pages; only the first is used",)
    assert colours(picture)[..., 0].tolist() == [[1, 2], [3, 4]]


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF file with another value of a tag in its first directory, as a 32-bit number."""
    changed = bytearray(data)
    start = struct.unpack_from("<I", data, 4)[0]
    for place in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<HHII", changed, place, tag, 4, 1, value)
    assert bytes(changed) != data
    return bytes(changed)


@pytest.mark.parametrize(("tag", "value"), [(322, 8_000_000), (323, 8_000_000), (323, 2**31 - 16)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiles_much_larger_than_the_picture_are_refused(
    tmp_path: Path, tag: int, value: int, dtype: str
) -> None:
    path = tmp_path / "a.tif"
    samples = np.zeros((40, 44, 3), dtype)
    tifffile.imwrite(path, samples, tile=(48, 48), photometric="rgb", compression="zlib", metadata=None)
    assert read_picture(path).size == (40, 44)
    path.write_bytes(with_tag(path.read_bytes(), tag, value))
    with pytest.raises(ImageError, match=f"tiles of .*{value}.* pixels for a picture of 44 x 40"):
        read_picture(path, max_pixels=2_000_000)


def test_a_single_tile_larger_than_the_picture_is_read(tmp_path: Path) -> None:
    samples = np.rint(SHARES * 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", samples, tile=(512, 512), photometric="rgb", metadata=None)
    np.testing.assert_array_equal(colours(read_picture(tmp_path / "a.tif")), samples)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("tag", [273, 279])
def test_strips_that_are_not_there_are_missing_and_not_black(tmp_path: Path, tag: int, dtype: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SHARES.astype(dtype), photometric="rgb", compression="zlib", metadata=None)
    path.write_bytes(with_tag(path.read_bytes(), tag, 0 if tag == 279 else path.stat().st_size + 5))
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_picture(path)
