"""Damage that every browser forgives is forgiven, with a word; damage to the picture itself is not."""

import contextlib
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from glstylenet.errors import ImageError
from glstylenet.pictures.formats import FORMATS
from glstylenet.pictures.read import Picture, read_picture

ROWS, COLUMNS = np.indices((72, 96))
RGB = np.stack([COLUMNS * 2, ROWS * 3, (COLUMNS + ROWS) % 200], 2).astype(np.uint8)


def colours(picture: Picture) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return result


def chunk(name: bytes, content: bytes, checksum: int = 0) -> bytes:
    """A PNG chunk; ``checksum`` is added to the right one."""
    right = zlib.crc32(name + content) + checksum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", right % 2**32)


def png(*more: bytes, depth: int = 8, colour_type: int = 2, rows: list[bytes] | None = None) -> bytes:
    """A PNG file, unfiltered, with ``more`` chunks before the samples."""
    rows = [row.tobytes() for row in RGB] if rows is None else rows
    header = struct.pack(">IIBBBBB", 96, len(rows), depth, colour_type, 0, 0, 0)
    samples = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", samples), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


ANCILLARY = {
    b"tEXt": b"Comment\0a text",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"a text"),
    b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x/>",
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"sRGB": b"\0",
    b"iCCP": b"name\0\0" + zlib.compress(b"no profile"),
    b"pHYs": struct.pack(">IIB", 2835, 2835, 1),
    b"tIME": bytes([7, 234, 1, 1, 1, 1, 1]),
    b"bKGD": bytes(6),
    b"eXIf": b"II*\0\x08\0\0\0\0\0",
    b"tRNS": bytes([0, 0, 0, 0, 0, 0]),
    b"prVt": b"of some program",
}


@pytest.mark.parametrize("name", ANCILLARY, ids=lambda name: name.decode())
@pytest.mark.parametrize("damage", ["checksum", "empty", "short"])
def test_a_damaged_chunk_that_is_not_needed_is_left_out(tmp_path: Path, name: bytes, damage: str) -> None:
    content = ANCILLARY[name]
    content = {"checksum": content, "empty": b"", "short": content[: len(content) // 2]}[damage]
    path = tmp_path / "a.png"
    path.write_bytes(png(chunk(name, content, checksum=damage == "checksum")))
    picture = read_picture(path)
    if damage == "checksum" or name != b"tRNS":  # a short one is still a transparent colour
        np.testing.assert_array_equal(colours(picture), RGB)
    if damage == "checksum" and name in (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf", b"tRNS"):
        assert picture.notes == (f"has damaged metadata (the PNG chunk {name.decode()} is left out)",)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_damaged_chunk_that_is_needed_is_refused(tmp_path: Path, name: bytes) -> None:
    palette, path = chunk(b"PLTE", bytes(range(48))), tmp_path / "a.png"
    data = png(palette, colour_type=3, rows=[bytes(96)] * 72)
    path.write_bytes(data)
    assert read_picture(path).size == (72, 96)
    place = data.index(name) + 4 + 12
    path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_picture(path)


def test_a_palette_picture_without_palette_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(colour_type=3, rows=[bytes(96)] * 72))
    with pytest.raises(ImageError, match=r"a\.png: begins like a PNG picture but cannot be decoded"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_of_any_depth(tmp_path: Path, depth: int) -> None:
    """The key is a sample as it is stored, not yet stretched to 255."""
    values = (COLUMNS + ROWS) % 2**depth
    key = 2**depth - 1 if depth < 8 else 77
    bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
    rows = [np.packbits(row).tobytes() for row in bits.reshape(72, -1)]
    path = tmp_path / "a.png"
    path.write_bytes(png(chunk(b"tRNS", struct.pack(">H", key)), depth=depth, colour_type=0, rows=rows))
    opened = Image.open(path)
    for picture in (read_picture(path), read_picture(opened)):
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[0, 0].numpy(), values != key)
        opaque = values != key
        np.testing.assert_allclose(colours(picture)[opaque, 0], values[opaque] * 255 / (2**depth - 1))


def jpeg(**options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG", **options)
    return buffer.getvalue()


JPEGS: dict[str, dict[str, object]] = {
    "plain": {"quality": 90, "subsampling": 0},
    "subsampled": {"quality": 75, "subsampling": 2},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_rows": 1},
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_is_read(tmp_path: Path, kind: str, missing: int) -> None:
    data, path = jpeg(**JPEGS[kind]), tmp_path / "a.jpg"
    path.write_bytes(data)
    whole = read_picture(path)
    path.write_bytes(data[:-missing])
    picture = read_picture(path)
    np.testing.assert_array_equal(colours(picture), colours(whole))
    assert whole.notes == ()
    assert picture.notes == ("is a JPEG file without its end; the last pixels may be wrong",)


@pytest.mark.parametrize("kind", JPEGS)
def test_bytes_between_the_segments_of_a_jpeg_are_skipped(tmp_path: Path, kind: str) -> None:
    data, path = jpeg(**JPEGS[kind]), tmp_path / "a.jpg"
    path.write_bytes(data)
    whole = read_picture(path)
    tables = data.index(b"\xff\xdb")
    for place, more in ((tables, b"\0\1\2"), (tables, b"\xff\xff\xff"), (len(data) - 2, b"\0\1\2")):
        path.write_bytes(data[:place] + more + data[place:])
        picture = read_picture(path)
        np.testing.assert_array_equal(colours(picture), colours(whole))
        assert picture.notes == ()


@pytest.mark.parametrize("kind", ["plain", "subsampled", "restarts"])
def test_a_jpeg_without_its_last_samples_is_read(tmp_path: Path, kind: str) -> None:
    data, path = jpeg(**JPEGS[kind]), tmp_path / "a.jpg"
    path.write_bytes(data)
    whole = colours(read_picture(path))
    path.write_bytes(data[:-5])
    damaged = colours(read_picture(path))
    np.testing.assert_array_equal(damaged[:46], whole[:46])
    np.testing.assert_array_equal(damaged[:, :60], whole[:, :60])


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.5, 0.7, 0.8, 0.85])
def test_a_jpeg_that_lacks_more_than_its_end_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    data, path = jpeg(**JPEGS[kind]), tmp_path / "a.jpg"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match="cut short"):
        read_picture(path)


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path: Path) -> None:
    """Cut between two scans, every sample is there, but coarsely."""
    data, path = jpeg(quality=90, progressive=True), tmp_path / "a.jpg"
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    assert len(scans) > 4
    for scan in scans[1:]:
        path.write_bytes(data[:scan])
        with pytest.raises(ImageError, match="ends before its last scan"):
            read_picture(path)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("trailing", [b"\0", b"\n" * 9, bytes(range(256)) * 5000], ids=["0", "lines", "long"])
def test_what_lies_behind_the_picture_is_ignored(tmp_path: Path, form: object, trailing: bytes) -> None:
    name = form.name  # type: ignore[attr-defined]
    path = tmp_path / "a.picture"
    Image.fromarray(RGB).save(path, name)
    whole = read_picture(path)
    path.write_bytes(path.read_bytes() + trailing)
    picture = read_picture(path)
    np.testing.assert_array_equal(colours(picture), colours(whole))
    note = f"goes on for {len(trailing):,} bytes after the picture's end; they are ignored"
    assert picture.notes == (() if name == "TIFF" else (note,))


TAGS = "<html><script>alert(1)</script></html> <?php echo 1; ?> <svg xmlns='http://www.w3.org/2000/svg'/>"


def png_text(path: Path) -> None:
    info = PngInfo()
    info.add_text("Comment", TAGS)
    info.add_itxt("Title", TAGS)
    Image.fromarray(RGB).save(path, "PNG", pnginfo=info)


def jpeg_comment(path: Path) -> None:
    Image.fromarray(RGB).save(path, "JPEG", comment=TAGS.encode())


def webp_xmp(path: Path) -> None:
    Image.fromarray(RGB).save(path, "WEBP", lossless=True, xmp=TAGS.encode())


def gif_comment(path: Path) -> None:
    Image.fromarray(RGB).save(path, "GIF", comment=TAGS.encode())


def tiff_description(path: Path) -> None:
    Image.fromarray(RGB).save(path, "TIFF", description=TAGS)


WITH_TAGS = (png_text, jpeg_comment, webp_xmp, gif_comment, tiff_description)


@pytest.mark.parametrize("write", WITH_TAGS, ids=lambda write: write.__name__)
def test_a_picture_may_say_of_itself_what_it_likes(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "a.picture")
    assert TAGS.encode() in (tmp_path / "a.picture").read_bytes()
    assert read_picture(tmp_path / "a.picture").notes == ()


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("distance", [0, 5000, 2**20 - 3])
def test_a_page_behind_the_picture_is_refused(tmp_path: Path, form: object, distance: int) -> None:
    path = tmp_path / "a.picture"
    Image.fromarray(RGB).save(path, form.name)  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes() + b"\x01" * distance + b"<hTmL><body>")
    with pytest.raises(ImageError, match="picture and an HTML page in one file"):
        read_picture(path)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_no_damage_raises_anything_but_our_errors(tmp_path: Path, form: object) -> None:
    """Bytes that are changed, left out or doubled: read, or refused."""
    path, rng = tmp_path / "a.picture", np.random.default_rng(5)
    Image.fromarray(RGB[:24, :32]).save(path, form.name)  # type: ignore[attr-defined]
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(60):
        changed = data.copy()
        places = rng.integers(8, len(data), rng.integers(1, 6))
        changed[places] = rng.integers(0, 256, len(places))
        cut, kind = int(rng.integers(8, len(data))), rng.integers(0, 4)
        parts = {2: [changed[:cut]], 3: [changed[:cut], changed[cut // 2 :]]}.get(int(kind), [changed])
        path.write_bytes(np.concatenate(parts).tobytes())
        with contextlib.suppress(ImageError):
            assert bool(read_picture(path, max_pixels=100_000).pixels.isfinite().all())
