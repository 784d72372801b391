"""Kinds of files: which are told apart, and what is refused with the reason."""

import os
import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.cli.jobs import plan_jobs
from glstylenet.errors import ImageError, OutputError, SettingsError
from glstylenet.files.file_set import FileSet
from glstylenet.pictures import formats
from glstylenet.pictures.file_type import file_format, open_picture
from glstylenet.pictures.folder import list_pictures
from glstylenet.pictures.formats import FORMATS, PictureFormat
from glstylenet.pictures.png16 import Samples
from glstylenet.pictures.raster import Raster, SizeLimits
from glstylenet.pictures.read import read_picture
from glstylenet.pictures.write import check_output, read_recipe, write_picture
from glstylenet.studio.setting_schema import page_schema


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_content_tells_the_format_whatever_the_name(tmp_path: Path, form: PictureFormat) -> None:
    path = tmp_path / "picture.txt"
    Image.new("RGB", (4, 4)).save(path, form.name)
    assert file_format(path) == form
    file, found = open_picture(path)
    with file:
        assert (file.read(), found) == (path.read_bytes()[4096:], form)
    assert read_picture(path).notes == ()  # nothing lies behind it


def test_pictures_with_any_content_are_not_mistaken_for_archives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.bmp").pixels[0].permute(1, 2, 0).numpy(), noise)


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (SVG, "an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file"),
        (b"hello, I am not a picture", "text"),
        (b"\x00\x01\x02\x03\xff", "begins with the bytes 00 01 02 03 ff"),
        (b"", "empty"),
        (b"P6 1 1 255\n\x00\x00\xff", "unknown format"),
        (b"\x89PNG\r\n\x1a\n", "begins like a PNG"),
        (b"GIF89a=1;<script>alert(1)</script>", "a GIF picture and an HTML page"),
        (b"II*\0\xff\xff\xff\xff", "begins like a TIFF"),
        (b"BMW is a maker of cars", "begins like a BMP"),
    ],
)
def test_what_is_no_picture_is_refused_by_content(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "innocent.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"innocent\.png.*{found}.*") as caught:
        read_picture(path)
    assert "Expected a PNG" in str(caught.value)


def append_zip(data: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hidden")
    return data + buffer.getvalue()


@pytest.mark.parametrize(
    ("disguise", "found"),
    [
        (append_zip, "a ZIP archive"),
        (lambda data: data + SVG, "an SVG drawing"),
        (lambda data: data + b"<HTML><body></body></html>", "an HTML page"),
        (lambda data: data + b"<?php system($_GET[0]); ?>", "a PHP program"),
        (lambda data: data + b"%PDF-1.4 ", "a PDF document"),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif"])
def test_a_polyglot_is_refused(
    tmp_path: Path, disguise: Callable[[bytes], bytes], found: str, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (4, 4)).save(path)
    read_picture(path)
    path.write_bytes(disguise(path.read_bytes()))
    with pytest.raises(ImageError, match=f"picture and {found} in one file"):
        read_picture(path)


def test_missing_files_folders_pipes_and_addresses(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png: there is no such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(
        ImageError, match=r"is an address, and addresses are not fetched\. Expected .*; download it first\."
    ):
        read_picture("https://example.org/a.png")
    with pytest.raises(ImageError, match="is no possible name of a file"):
        read_picture("a\0b.png")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="is a device, a pipe or a socket"):
        read_picture(tmp_path / "pipe.png")


def test_every_suffix_and_signature_belongs_to_one_format() -> None:
    suffixes = [suffix for form in FORMATS for suffix in form.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    for form in FORMATS:
        buffer = BytesIO()
        Image.new("RGB", (4, 4)).save(buffer, form.name)
        matching = [each for each in FORMATS if re.match(each.signature, buffer.getvalue(), re.DOTALL)]
        assert matching == [form]


def decode_ppm(file: BinaryIO, limits: SizeLimits) -> Raster:
    _magic, width, height, _largest, samples = file.read().split(maxsplit=4)
    limits.check(int(width), int(height))
    shape = (int(height), int(width), 3)
    return Raster(np.frombuffer(samples, np.uint8).reshape(shape))


def encode_ppm(file: IO[bytes], samples: Samples, _recipe: str | None) -> tuple[str, ...]:
    file.write(b"P6 %d %d 255\n" % samples.shape[1::-1] + samples.tobytes())
    return ("holds no recipe",)


PPM = PictureFormat(
    name="PPM",
    suffixes=(".ppm", ".pnm"),
    signature=rb"P6\s",
    media_type="image/x-portable-pixmap",
    decode=decode_ppm,
    encode=encode_ppm,
    longest_side=100,
    keeps_alpha=False,
)


def test_a_format_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row in the table is all it takes to read, find, write, name and limit a format."""
    place, pixels = tmp_path / "a.ppm", torch.arange(0.0, 192.0).view(1, 3, 4, 16)
    with pytest.raises(SettingsError, match=r"'\.ppm'\. Expected one of \.png"):
        write_picture(place, pixels)
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, PPM))
    check_output(place, (4, 16), overwrite=False, inputs=FileSet())
    assert write_picture(place, pixels, recipe="{}") == (f"{place}: holds no recipe",)
    assert place.read_bytes().startswith(b"P6 16 4 255\n")
    place.rename(tmp_path / "b.pnm")
    back = read_picture(tmp_path / "b.pnm")
    assert torch.equal(back.pixels, pixels)
    assert (back.notes, read_recipe(tmp_path / "b.pnm")) == ((), None)
    (tmp_path / "b.pnm").rename(tmp_path / "wrong.png")
    assert torch.equal(read_picture(tmp_path / "wrong.png").pixels, pixels)  # by content

    write_picture(place, pixels, alpha=torch.zeros(1, 1, 4, 16))
    assert read_picture(place).over_white.min() == 255
    with pytest.raises(OutputError, match="a PPM file holds at most 100 a side. Write a PNG or TIFF file"):
        check_output(place, (4, 101), overwrite=True, inputs=FileSet())
    with pytest.raises(SettingsError, match="bits is 16.*PPM file, which holds 8. Write PNG or TIFF"):
        check_output(place, (4, 16), bits=16, overwrite=True, inputs=FileSet())
    with pytest.raises(ImageError, match="16 x 4 pixels.*at most 63"):
        read_picture(place, max_pixels=63)
    place.write_bytes(b"P6 16 4 255\n")
    with pytest.raises(ImageError, match="begins like a PPM picture but cannot be decoded"):
        read_picture(place)
    place.write_text("no picture")
    with pytest.raises(ImageError, match="Expected a PNG, JPEG, WebP, TIFF, GIF, BMP or PPM picture"):
        read_picture(place)

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "c.PPM").write_bytes(b"P6 1 1 255\nabc")
    assert list_pictures(folder).pictures == (folder / "c.PPM",)
    [job] = plan_jobs([str(folder), "style.png"], f"{tmp_path}/", content_map=None, style_map=None).jobs
    assert job.content == folder / "c.PPM"
    offered = page_schema(upload_bytes=1, max_pixels=1)["pictures"]
    assert isinstance(offered, dict)
    assert offered["names"][-2:] == ["BMP", "PPM"]
    assert ".pnm" in offered["suffixes"]


OTHER_KINDS = {
    "a HEIC picture": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "an AVIF picture": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "a HEIC or AVIF picture": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "a film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "a JPEG XL picture": b"\xff\x0a\xfa\x7f\x01\x90\x08\x06",
    "a JPEG 2000 picture": b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ",
    "a Canon camera raw \\(CR2\\)": b"II*\0\x10\0\0\0CR\x02\0\xde\xa6\0\0",
    "a Canon camera raw \\(CR3\\)": b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
    "a Fujifilm camera raw \\(RAF\\)": b"FUJIFILMCCD-RAW 0201FF383501",
    "a Panasonic camera raw \\(RW2\\)": b"IIU\0\x18\0\0\0\x88\xe7\x74\xd8",
    "an Olympus camera raw \\(ORF\\)": b"IIRO\x08\0\0\0",
    "a Sigma camera raw \\(X3F\\)": b"FOVb\0\0\x02\0",
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_pictures_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(OTHER_KINDS[kind] + bytes(4000))
    way_out = "develop it in a raw converter" if "raw" in kind else "open it elsewhere and save it as PNG"
    with pytest.raises(ImageError, match=rf"a\.jpg.* is {kind}.*Expected a PNG.*; {way_out}"):
        read_picture(path)


def test_a_file_that_turns_into_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write in the folder may exchange the file between a look at it and its opening."""
    pipe, picture = tmp_path / "pipe", tmp_path / "a.png"
    os.mkfifo(pipe)
    Image.new("RGB", (4, 4)).save(picture)
    stat = os.stat(picture)
    monkeypatch.setattr(os, "stat", lambda path, **_: stat)
    with pytest.raises(ImageError, match="is a device, a pipe or a socket"):
        read_picture(pipe)


@pytest.mark.parametrize(
    ("largest", "expected", "notes"),
    [
        (255, 255.0, ("holds integers of at most 255, which are taken as 8-bit samples",)),
        (200, 200.0, ("holds integers of at most 255, which are taken as 8-bit samples",)),
        (256, 256 / 257, ()),
        (65535, 255.0, ()),
    ],
)
@pytest.mark.parametrize("source", ["image", "tiff"])
def test_integers_of_32_bits_are_told_by_their_range(
    tmp_path: Path, source: str, largest: int, expected: float, notes: tuple[str, ...]
) -> None:
    image = Image.fromarray(np.array([[0, largest]], np.int32))
    assert image.mode == "I"
    if source == "tiff":
        image.save(tmp_path / "a.tif")
    picture = read_picture(image if source == "image" else tmp_path / "a.tif")
    assert picture.pixels[0, 0, 0].tolist() == pytest.approx([0, expected])
    assert picture.notes == notes
