"""Colour profiles: what a picture looks like in sRGB, with LittleCMS and hand calculation as judges."""

import itertools
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageCms

from glstylenet.pictures.colour_profiles import to_srgb
from glstylenet.pictures.read import Picture, read_picture

ROWS, COLUMNS = np.indices((10, 12), dtype=np.uint8)
RGB = np.stack([COLUMNS * 20, ROWS * 20, np.full_like(ROWS, 77)], 2)  # (10, 12, 3)


def colours(picture: Picture) -> npt.NDArray[np.float32]:
    """The pixels as (H, W, 3)."""
    result: npt.NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return result


def converted(
    samples: npt.NDArray[np.generic], profile: bytes, space: str = "RGB"
) -> tuple[npt.NDArray[np.float32], list[str]]:
    return to_srgb(samples.astype(np.float32), space, profile)


def icc(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A minimal ICC version 2 profile."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(79), **tags}
    table, body = b"", b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(content))
        body += padded
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(
        ">I4sI4s4s4s", 132 + len(table) + len(body), bytes(4), 0x02400000, kind, space, connection
    )
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


RED, GREEN, BLUE = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)


def parametric(kind: int, *numbers: float) -> bytes:
    """A curve of type "para": the kind, then gamma, a, b, c, d, e, f as far as the kind has them."""
    return (
        b"para" + bytes(4) + struct.pack(f">HH{len(numbers)}i", kind, 0, *(round(v * 65536) for v in numbers))
    )


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
LINEAR = b"curv" + bytes(8)
GAMMA_18 = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256))
TABLE = (
    b"curv"
    + bytes(4)
    + struct.pack(">I", 256)
    + (np.linspace(0, 1, 256) ** 3 * 65535).astype(">u2").tobytes()
)
PARAMETRIC = [
    parametric(0, 1.8),
    parametric(1, 2.0, 1.25, -0.25),
    parametric(2, 2.0, 1.0, -0.2, 0.36),
    parametric(4, 2.2, 0.8, 0.1, 0.5, 0.3, 0.1, 0.02),
]


def matrix_profile(
    red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], curve: bytes
) -> bytes:
    columns = {b"rXYZ": xyz(*red), b"gXYZ": xyz(*green), b"bXYZ": xyz(*blue), b"wtpt": xyz(0.9642, 1, 0.8249)}
    return icc(b"RGB ", b"XYZ ", {**columns, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


SWAPPED = matrix_profile(BLUE, GREEN, RED, SRGB_CURVE)
DISPLAY_P3 = (0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)


def test_the_profile_of_a_file_is_applied(tmp_path: Path) -> None:
    """This one swaps red and blue."""
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=SWAPPED)
    np.testing.assert_allclose(colours(read_picture(tmp_path / "a.png")), RGB[..., ::-1], atol=0.6)


@pytest.mark.parametrize("curve", [LINEAR, GAMMA_18, TABLE, SRGB_CURVE, *PARAMETRIC])
@pytest.mark.parametrize("primaries", [DISPLAY_P3, (RED, GREEN, BLUE)])
def test_a_profile_is_applied_as_littlecms_applies_it(
    curve: bytes, primaries: tuple[tuple[float, ...], ...]
) -> None:
    red, green, blue = primaries
    profile = matrix_profile(red, green, blue, curve)
    oracle = ImageCms.profileToProfile(
        Image.fromarray(RGB),
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    got, notes = converted(RGB, profile)
    assert notes == []
    np.testing.assert_allclose(got, np.asarray(oracle), atol=1.5)
    if primaries is DISPLAY_P3 or curve is not SRGB_CURVE:
        assert np.abs(got - RGB).max() > 5


def test_a_profile_keeps_sixteen_bits(tmp_path: Path) -> None:
    profile = matrix_profile(RED, GREEN, BLUE, LINEAR)
    samples = np.full((1, 2, 3), 32768, np.uint16)
    samples[0, 1] = 32769
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", iccprofile=profile)
    got = colours(read_picture(tmp_path / "a.tif"))
    # 255 * (1.055 * 0.5000076^(1 / 2.4) - 0.055), worked out by hand; the matrix is given to four digits
    assert got[0, 0].tolist() == pytest.approx([187.517] * 3, abs=0.02)
    assert np.all(got[0, 1] > got[0, 0])


def test_srgb_profiles_change_nothing() -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (plain, matrix_profile(RED, GREEN, BLUE, SRGB_CURVE)):
        np.testing.assert_array_equal(converted(RGB + 0.3, profile)[0], (RGB + 0.3).astype(np.float32))


def test_lab_colours(tmp_path: Path) -> None:
    Image.frombytes("LAB", (2, 1), bytes([128, 0, 0, 255, 0, 0])).save(tmp_path / "a.tif")
    np.testing.assert_allclose(
        colours(read_picture(tmp_path / "a.tif"))[0], [[119.5] * 3, [255.0] * 3], atol=1
    )


def lab_of(srgb: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """CIELAB, D50, of sRGB 0..255, by the published matrices of sRGB and of Bradford's adaptation to D50."""
    share = srgb / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = [
        [0.4124564, 0.3575761, 0.180437],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ]
    to_d50 = [
        [1.0478112, 0.0228866, -0.050127],
        [0.0295424, 0.9904844, -0.0170491],
        [-0.0092345, 0.0150436, 0.7521316],
    ]
    ratio = light @ np.array(to_xyz).T @ np.array(to_d50).T / [0.96422, 1.0, 0.82521]
    x, y, z = np.moveaxis(
        np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def test_dark_and_vivid_lab_colours_are_not_interpolated(tmp_path: Path) -> None:
    """LittleCMS computes 8-bit CIELAB from a coarse table: dark blues came out 20 levels off."""
    values = np.array([0, 20, 60, 128, 200, 255.0])
    swatches = np.array(list(itertools.product(values, values, values)))[None]
    lab = lab_of(swatches)
    stored = np.rint(lab * [2.55, 1, 1]).astype(np.int16).astype(np.uint8)  # a* and b* as signed bytes
    Image.frombytes("LAB", stored.shape[1::-1], stored.tobytes()).save(tmp_path / "a.tif")
    got = colours(read_picture(tmp_path / "a.tif"))
    # Whole a* and b* are what 8 bits hold: the colours are compared where that was rounded, in CIELAB.
    assert np.abs(lab_of(got.astype(np.float64)) - np.rint(lab * [2.55, 1, 1]) / [2.55, 1, 1]).max() < 1.2
    exact, notes = to_srgb((lab * [2.55, 1, 1] + [0, 128, 128]).astype(np.float32), "LAB", None)
    np.testing.assert_allclose(exact, swatches, atol=0.1)
    assert notes == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_grey_picture_takes_the_curve_of_a_profile_for_rgb(tmp_path: Path, suffix: str) -> None:
    grey = np.full((16, 16), 100, np.uint8)
    Image.fromarray(grey).save(
        tmp_path / f"a.{suffix}", icc_profile=matrix_profile(RED, GREEN, BLUE, GAMMA_18)
    )
    picture = read_picture(tmp_path / f"a.{suffix}")
    light = (100 / 255) ** (round(1.8 * 256) / 256)
    np.testing.assert_allclose(
        colours(picture), 255 * (1.055 * light ** (1 / 2.4) - 0.055), atol=0.6 if suffix == "jpg" else 0.01
    )
    assert np.ptp(colours(picture), axis=2).max() == 0
    assert picture.notes == ()


def test_a_grey_picture_with_three_curves_gets_their_tint() -> None:
    columns = {b"rXYZ": xyz(*RED), b"gXYZ": xyz(*GREEN), b"bXYZ": xyz(*BLUE)}
    profile = icc(b"RGB ", b"XYZ ", {**columns, b"rTRC": LINEAR, b"gTRC": SRGB_CURVE, b"bTRC": GAMMA_18})
    got, notes = converted(np.full((1, 1, 1), 100), profile, "L")
    as_rgb, _ = converted(np.full((1, 1, 3), 100), profile)
    np.testing.assert_array_equal(got, as_rgb)
    assert np.ptp(got) > 20
    assert notes == []


def test_a_grey_picture_with_a_table_for_rgb() -> None:
    # Half-way to a middle grey, L* is 25, and 60 in sRGB; LittleCMS keeps white white, whatever a table says.
    table = lut(3, [(0, 128, 128), *[(255, 128, 128)] * 6, (128, 128, 128)])
    profile = icc(b"RGB ", b"Lab ", {b"A2B0": table, b"wtpt": xyz(0.9642, 1, 0.8249)})
    got, notes = converted(np.array([[[0], [128]]]), profile, "L")
    np.testing.assert_allclose(got[0], [[0] * 3, [60] * 3], atol=3)
    assert notes == []


def test_a_grey_profile() -> None:
    profile = icc(b"GRAY", b"XYZ ", {b"kTRC": LINEAR, b"wtpt": xyz(0.9642, 1, 0.8249)})
    got, notes = converted(np.array([[[0], [128], [255]]]), profile, "L")
    middle = 255 * (1.055 * (128 / 255) ** (1 / 2.4) - 0.055)
    assert got[0, :, 0].tolist() == pytest.approx([0, middle, 255])
    assert notes == []


GREY = icc(b"GRAY", b"XYZ ", {b"kTRC": LINEAR})
ENDLESS = SWAPPED[:128] + struct.pack(">I", 2**32 - 1) + SWAPPED[132:]  # so many entries it claims


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"nonsense",
        SWAPPED[:200],
        icc(b"CMYK", b"XYZ ", {}),
        GREY,
        ENDLESS,
        matrix_profile(RED, GREEN, BLUE, b"sf32" + bytes(8)),  # no curve
        matrix_profile(RED, GREEN, BLUE, parametric(9, 1.0)),  # no such kind
        matrix_profile(RED, GREEN, BLUE, b"curv" + bytes(4) + b"\xff" * 4),  # 2^32 points
    ],
)
def test_a_broken_profile_is_noted_and_ignored(broken: bytes) -> None:
    got, notes = converted(RGB, broken)
    np.testing.assert_array_equal(got, RGB)
    assert len(notes) == 1
    assert "colour profile" in notes[0]


def test_a_nonsensical_curve_gives_finite_colours() -> None:
    for gamma in (-3.0, 30000.0):
        got, _ = converted(RGB, matrix_profile(RED, GREEN, BLUE, parametric(1, gamma, 30000.0, 0.0)))
        assert got.min() >= 0
        assert got.max() <= 255


def test_cmyk_without_a_profile(tmp_path: Path) -> None:
    ink = np.zeros((8, 16, 4), np.uint8)
    ink[:, 8:] = (255, 0, 0, 51)
    image = Image.frombytes("CMYK", (16, 8), ink.tobytes())
    for suffix in ("jpg", "tif"):  # Pillow writes JPEG with inverted ink, as Adobe does
        image.save(tmp_path / f"a.{suffix}")
        picture = read_picture(tmp_path / f"a.{suffix}")
        np.testing.assert_allclose(colours(picture)[4, [2, 13]], [[255, 255, 255], [0, 204, 204]], atol=3)
        assert "CMYK" in picture.notes[0]


def lut(inputs: int, corners: list[tuple[int, int, int]]) -> bytes:
    """A table of type "mft1" from the corners of the input space, last channel fastest, to 8-bit CIELAB."""
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    head = b"mft1" + bytes(4) + bytes([inputs, 3, 2, 0]) + identity
    return head + ramp * inputs + bytes(itertools.chain.from_iterable(corners)) + ramp * 3


def test_a_table_takes_precedence_over_the_matrix(tmp_path: Path) -> None:
    table = lut(3, [(0, 128, 128), *[(128, 128, 128)] * 7])  # black, and a middle grey for every full colour
    red = np.full((2, 3, 3), (255, 0, 0), np.uint8)
    tags = {b"A2B0": table, b"wtpt": xyz(0.9642, 1, 0.8249)}
    for name, column in zip((b"r", b"g", b"b"), (RED, GREEN, BLUE), strict=True):
        tags |= {name + b"XYZ": xyz(*column), name + b"TRC": SRGB_CURVE}
    profile = icc(b"RGB ", b"Lab ", tags)
    Image.fromarray(red).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(colours(read_picture(tmp_path / "a.png")), 119, atol=2)
    tifffile.imwrite(tmp_path / "a.tif", red.astype(np.uint16) * 256, photometric="rgb", iccprofile=profile)
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(colours(picture), 119, atol=2)
    assert picture.notes == ("its colour profile could only be applied at 8 bits",)


def test_cmyk_with_a_profile(tmp_path: Path) -> None:
    corners = [(255, 128, 128)] * 16  # CIELAB white at each mixture of full inks ...
    corners[8] = (128, 128, 128)  # ... but a middle grey for full cyan
    corners[1] = (0, 128, 128)  # and black for full black
    table = lut(4, corners)
    profile = icc(b"CMYK", b"Lab ", {b"A2B0": table, b"wtpt": xyz(0.9642, 1, 0.8249)})
    ink = bytes([0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
    Image.frombytes("CMYK", (3, 1), ink).save(tmp_path / "a.tif", icc_profile=profile)
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(colours(picture)[0, :, 0], [255, 119, 0], atol=2)  # L* = 50 is 119 in sRGB
    assert picture.notes == ()
