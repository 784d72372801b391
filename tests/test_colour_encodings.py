"""Colours told otherwise than by a profile: every statement, in every kind of file that can make it.

Swatches in sRGB are converted to each space by published matrices, stored as that space, and read again.
"""

import itertools
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from glstylenet.errors import ImageError
from glstylenet.pictures.read import Picture, read_picture

Values = npt.NDArray[np.float64]

SWATCHES = np.array(list(itertools.product((0, 40, 128, 255), repeat=3)), np.float64).reshape(8, 8, 3)

# From light of the primaries to XYZ (D65), as tables print them (Lindbloom; SMPTE EG 432-1; ITU-R BT.2020).
SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
P3 = np.array(
    [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0, 0.0451134, 1.0439444]]
)
BT2020 = np.array(
    [[0.636958, 0.1446169, 0.168881], [0.2627002, 0.6779981, 0.0593017], [0, 0.0280727, 1.0609851]]
)
ADOBE = np.array(
    [[0.5767309, 0.185554, 0.1881852], [0.2973769, 0.6273491, 0.0752741], [0.0270343, 0.0706872, 0.9911085]]
)
# ProPhoto's white is D50; the second matrix is Bradford's adaptation to D65.
PROPHOTO_D50 = np.array(
    [[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0, 0, 0.82521]]
)
D50_TO_D65 = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.020483, 1.3299098],
    ]
)
PROPHOTO = D50_TO_D65 @ PROPHOTO_D50

POINTS = {  # white, red, green, blue: the order of cHRM
    "sRGB": (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    "P3": (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    "ProPhoto": (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001),
}


def light_of(samples: Values) -> Values:
    share = samples / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def srgb_curve(light: Values) -> Values:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def bt709_curve(light: Values) -> Values:
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)


def power(gamma: float) -> Callable[[Values], Values]:
    return lambda light: light ** (1 / gamma)


def stored(to_xyz: Values, curve: Callable[[Values], Values]) -> Values:
    """The swatches as samples 0..1 of the space whose primaries ``to_xyz`` describes."""
    light = light_of(SWATCHES) @ (np.linalg.inv(to_xyz) @ SRGB).T
    return curve(np.clip(light, 0, 1))


def png(path: Path, samples: Values, chunks: dict[bytes, bytes], *, depth: int = 16) -> Path:
    """A PNG of RGB, or of grey where samples are (H, W), with ``chunks`` before the samples."""
    whole = np.rint(samples * (2**depth - 1)).astype(">u2" if depth == 16 else np.uint8)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in whole))
    head = struct.pack(">IIBBBBB", *whole.shape[1::-1], depth, 2 if samples.ndim == 3 else 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", head), *chunks.items(), (b"IDAT", rows), (b"IEND", b"")):
        data += (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )
    path.write_bytes(data)
    return path


def gama(gamma: float) -> bytes:
    return struct.pack(">I", round(100_000 / gamma))


def chrm(points: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(100_000 * point) for point in points))


def colours(picture: Picture) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return result


def check(picture: Picture, *, within: float = 0.3) -> None:
    np.testing.assert_allclose(colours(picture), SWATCHES, atol=within)
    assert picture.notes == ()


SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ICCP = b"p\0\0" + zlib.compress(SRGB_PROFILE)
CICP_P3 = bytes([12, 13, 0, 1])


@pytest.mark.parametrize(
    ("chunks", "to_xyz", "curve"),
    [
        ({b"cICP": CICP_P3}, P3, srgb_curve),
        ({b"cICP": bytes([9, 14, 0, 1])}, BT2020, bt709_curve),
        ({b"cICP": bytes([9, 1, 0, 1])}, BT2020, bt709_curve),
        ({b"cICP": bytes([1, 8, 0, 1])}, SRGB, power(1.0)),
        ({b"cICP": bytes([1, 4, 0, 1])}, SRGB, power(2.2)),
        ({b"cICP": bytes([1, 5, 0, 1])}, SRGB, power(2.8)),
        ({b"cICP": bytes([1, 13, 0, 1])}, SRGB, srgb_curve),
        ({b"gAMA": gama(1.0)}, SRGB, power(1.0)),
        ({b"gAMA": gama(2.2)}, SRGB, power(1 / 0.45455)),
        ({b"cHRM": chrm(POINTS["P3"])}, P3, srgb_curve),
        ({b"cHRM": chrm(POINTS["P3"]), b"gAMA": gama(1.8)}, P3, power(1 / 0.55556)),
        ({b"cHRM": chrm(POINTS["ProPhoto"]), b"gAMA": gama(1.8)}, PROPHOTO, power(1 / 0.55556)),
        ({b"cHRM": chrm(POINTS["sRGB"])}, SRGB, srgb_curve),
        # Of several statements the first in the specification's order holds.
        ({b"cICP": CICP_P3, b"iCCP": ICCP, b"sRGB": b"\0", b"gAMA": gama(1.0)}, P3, srgb_curve),
        ({b"iCCP": ICCP, b"gAMA": gama(1.0), b"cHRM": chrm(POINTS["ProPhoto"])}, SRGB, srgb_curve),
        ({b"sRGB": b"\0", b"gAMA": gama(1.0), b"cHRM": chrm(POINTS["ProPhoto"])}, SRGB, srgb_curve),
    ],
)
def test_what_the_chunks_of_png_say(
    tmp_path: Path, chunks: dict[bytes, bytes], to_xyz: Values, curve: Callable[[Values], Values]
) -> None:
    check(read_picture(png(tmp_path / "a.png", stored(to_xyz, curve), chunks)))
    picture = read_picture(png(tmp_path / "b.png", stored(to_xyz, curve), chunks, depth=8))
    seen = light_of(colours(picture).astype(np.float64))  # 8 bits of another curve are coarse in the dark
    np.testing.assert_allclose(seen, light_of(SWATCHES), atol=0.02)


@pytest.mark.parametrize("depth", [8, 16])
def test_narrow_range(tmp_path: Path, depth: int) -> None:
    """Black is 16 and white 235 of 8 bits, and 256 times as much of 16."""
    samples = (16 + 219 * srgb_curve(light_of(SWATCHES))) * 2 ** (depth - 8) / (2**depth - 1)
    picture = read_picture(png(tmp_path / "a.png", samples, {b"cICP": bytes([1, 13, 0, 0])}, depth=depth))
    check(picture, within=0.7 if depth == 8 else 0.01)
    assert colours(picture).max() == 255


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    samples = np.full((1, 2, 3), 20000 / 65535)
    samples[0, 1] = 20001 / 65535
    got = colours(read_picture(png(tmp_path / "a.png", samples, {b"gAMA": gama(1.0)})))[0, :, 0]
    expected = [255 * (1.055 * (level / 65535) ** (1 / 2.4) - 0.055) for level in (20000, 20001)]
    assert got.tolist() == pytest.approx(expected, abs=1e-4)


def test_grey_stays_grey(tmp_path: Path) -> None:
    grey = np.linspace(0, 1, 16).reshape(2, 8)
    chunks = {b"gAMA": gama(1.0), b"cHRM": chrm(POINTS["ProPhoto"])}
    for name, statements in (("a", chunks), ("b", {b"cICP": bytes([9, 8, 0, 1])})):
        got = colours(read_picture(png(tmp_path / f"{name}.png", grey, statements)))
        assert np.ptp(got, axis=2).max() == 0
        np.testing.assert_allclose(got[..., 0], 255 * srgb_curve(grey), atol=0.01)


def test_an_image_of_pillow_says_it_too(tmp_path: Path) -> None:
    with Image.open(
        png(tmp_path / "a.png", stored(SRGB, power(1.0)), {b"gAMA": gama(1.0)}, depth=8)
    ) as image:
        np.testing.assert_array_equal(colours(read_picture(image)), colours(read_picture(tmp_path / "a.png")))


@pytest.mark.parametrize(("code", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused_in_words(tmp_path: Path, code: int, name: str) -> None:
    path = png(tmp_path / "a.png", stored(BT2020, bt709_curve), {b"cICP": bytes([9, code, 0, 1])})
    with pytest.raises(ImageError, match=rf"a\.png: holds colours of high dynamic range \({name}\)"):
        read_picture(path)


@pytest.mark.parametrize(
    ("chunks", "word"),
    [
        ({b"cICP": bytes([99, 13, 0, 1])}, "cICP 99/13/0/1"),
        ({b"cICP": bytes([12, 2, 0, 1])}, "cICP 12/2/0/1"),
        ({b"cICP": bytes([12, 13, 1, 1])}, "cICP 12/13/1/1"),  # a matrix of YCbCr, which PNG cannot hold
        ({b"cICP": b"\x0c"}, "cICP 12"),
        ({b"gAMA": bytes(4)}, "gamma"),
        ({b"gAMA": b"\xff" * 4}, "gamma"),
        ({b"cHRM": bytes(32)}, "primaries"),
        ({b"cHRM": chrm((0.3127, 0.329) + (0.3, 0.3) * 3)}, "primaries"),
    ],
)
def test_a_statement_without_sense_is_noted(tmp_path: Path, chunks: dict[bytes, bytes], word: str) -> None:
    picture = read_picture(png(tmp_path / "a.png", SWATCHES / 255, chunks))
    np.testing.assert_allclose(colours(picture), SWATCHES, atol=0.01)
    assert len(picture.notes) == 1
    assert word in picture.notes[0]


def test_a_statement_holds_where_the_profile_is_damaged(tmp_path: Path) -> None:
    nonsense = b"p\0\0" + zlib.compress(b"nonsense")
    chunks = {b"iCCP": nonsense, b"gAMA": gama(1.0)}
    picture = read_picture(png(tmp_path / "a.png", stored(SRGB, power(1.0)), chunks))
    np.testing.assert_allclose(colours(picture), SWATCHES, atol=0.3)
    assert "profile is damaged" in picture.notes[0]


def exif_of(*, space: int | None = None, index: str = "", **tags: object) -> bytes:
    exif = Image.Exif()
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    if space is not None:
        inner[ExifTags.Base.ColorSpace] = space
    if index:
        inner[ExifTags.IFD.Interop] = {ExifTags.Interop.InteropIndex: index}
    for name, value in tags.items():
        (inner if name == "Gamma" else exif)[ExifTags.Base[name]] = value
    return exif.tobytes()


def tiff_with_index(path: Path, samples: Values) -> Path:
    """A TIFF whose EXIF data holds the interoperability index R03: Pillow writes a wrong offset for it."""
    whole = np.rint(samples * 255).astype(np.uint8)
    height, width = whole.shape[:2]
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 134),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 188),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, whole.size),
        (34665, 4, 1, 140),
    ]

    def directory(entries: list[tuple[int, int, int, int]]) -> bytes:
        return (
            struct.pack("<H", len(entries))
            + b"".join(struct.pack("<HHII", *each) for each in entries)
            + bytes(4)
        )

    index = directory([(1, 2, 4, int.from_bytes(b"R03\0", "little"))])
    inner = directory([(0xA001, 3, 1, 65535), (0xA005, 4, 1, 170)])
    head = b"II*\0" + struct.pack("<I", 8) + directory(entries) + struct.pack("<3H", 8, 8, 8)
    path.write_bytes(head + inner + index + whole.tobytes())
    return path


def rationals(*values: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
    return tuple(TiffImagePlugin.IFDRational(round(10_000 * value), 10_000) for value in values)


def in_blocks(samples: Values) -> Values:
    """Every sample as a block of JPEG's, so that no colours run into each other."""
    return samples.repeat(16, 0).repeat(16, 1)


def saved(path: Path, samples: Values, **options: Any) -> Path:
    image = Image.fromarray(np.rint(in_blocks(samples) * 255).astype(np.uint8))
    if path.suffix in (".jpg", ".webp"):
        options |= {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {"lossless": True}
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "png"])
@pytest.mark.parametrize(
    ("statement", "to_xyz", "curve"),
    [
        ({"space": 65535, "index": "R03"}, ADOBE, power(563 / 256)),
        ({"index": "R03"}, ADOBE, power(563 / 256)),
        ({"space": 2}, ADOBE, power(563 / 256)),
        ({"space": 1, "index": "R98"}, SRGB, srgb_curve),
        ({"space": 65535, "Gamma": rationals(1.8)[0]}, SRGB, power(1.8)),
        (
            {
                "PrimaryChromaticities": rationals(*POINTS["P3"][2:]),
                "WhitePoint": rationals(*POINTS["P3"][:2]),
            },
            P3,
            srgb_curve,
        ),
        (
            {"TransferFunction": tuple(round(65535 * (level / 255) ** 3) for level in range(256))},
            SRGB,
            power(3.0),
        ),
    ],
)
def test_what_exif_says(
    tmp_path: Path,
    suffix: str,
    statement: dict[str, object],
    to_xyz: Values,
    curve: Callable[[Values], Values],
) -> None:
    path, samples = tmp_path / f"a.{suffix}", stored(to_xyz, curve)
    if suffix == "tif" and statement.get("index") == "R03":
        tiff_with_index(path, in_blocks(samples))
    else:
        saved(path, samples, exif=exif_of(**statement))  # type: ignore[arg-type]
    picture = read_picture(path)
    seen = light_of(colours(picture)[8::16, 8::16].astype(np.float64))
    np.testing.assert_allclose(seen, light_of(SWATCHES), atol=0.04 if suffix == "jpg" else 0.02)
    assert picture.notes == ()


def test_an_open_tiff_of_pillow_says_it_too(tmp_path: Path) -> None:
    path = tiff_with_index(tmp_path / "a.tif", stored(ADOBE, power(563 / 256)))
    with Image.open(path) as image:
        np.testing.assert_array_equal(colours(read_picture(image)), colours(read_picture(path)))


def test_an_unknown_colour_space_is_noted_unless_a_profile_tells_it(tmp_path: Path) -> None:
    exif = exif_of(space=65535)
    [note] = read_picture(saved(tmp_path / "a.jpg", SWATCHES / 255, exif=exif)).notes
    assert "names no colour space" in note
    path = saved(tmp_path / "b.jpg", SWATCHES / 255, exif=exif, icc_profile=SRGB_PROFILE)
    assert read_picture(path).notes == ()


def test_what_png_says_itself_precedes_its_exif_data(tmp_path: Path) -> None:
    exif = exif_of(space=2)
    check(read_picture(png(tmp_path / "a.png", SWATCHES / 255, {b"sRGB": b"\0", b"eXIf": exif[6:]})))
    linear = stored(SRGB, power(1.0))
    check(read_picture(png(tmp_path / "b.png", linear, {b"gAMA": gama(1.0), b"eXIf": exif[6:]})))
    buffer = BytesIO(
        png(tmp_path / "c.png", stored(ADOBE, power(563 / 256)), {b"eXIf": exif[6:]}).read_bytes()
    )
    check(read_picture(Path(tmp_path / "c.png")))
    with Image.open(buffer) as image:  # 16-bit colour in Pillow has 8 bits
        np.testing.assert_allclose(colours(read_picture(image)), SWATCHES, atol=8)
