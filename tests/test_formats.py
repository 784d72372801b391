"""Kinds of files: which are told apart, and what is refused with the reason."""

import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glstylenet.errors import ImageError
from glstylenet.pictures.formats import READERS, file_format, read_bytes
from glstylenet.pictures.read import read_picture


@pytest.mark.parametrize("kind", list(READERS))
def test_the_content_tells_the_format_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.txt"
    Image.new("RGB", (4, 4)).save(path, kind)
    assert file_format(path) == kind
    assert read_bytes(path) == (path.read_bytes(), kind)


def test_pictures_with_any_content_are_not_mistaken_for_archives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.bmp")
    assert read_bytes(tmp_path / "a.bmp")[1] == "BMP"


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
    read_bytes(path)
    path.write_bytes(disguise(path.read_bytes()))
    with pytest.raises(ImageError, match=f"picture and {found} in one file"):
        read_picture(path)


def test_missing_files_folders_pipes_and_addresses(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png: there is no such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(ImageError, match="Addresses are not fetched"):
        read_picture("https://example.org/a.png")
    with pytest.raises(ImageError, match="cannot be opened"):
        read_picture("a\0b.png")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="device or a pipe"):
        read_picture(tmp_path / "pipe.png")
