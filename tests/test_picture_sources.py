"""Sources of pictures: whatever is handed in is read, or the message says what to pass."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from PIL import Image

from glstylenet.errors import ImageError
from glstylenet.pictures.read import read_picture

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize("opened", [lambda path: path.open("rb"), lambda path: io.BytesIO(path.read_bytes())])
def test_an_open_file_is_read_as_the_file_is(file: Path, opened: Callable[[Path], BinaryIO]) -> None:
    by_name = read_picture(file)
    with opened(file) as stream:
        picture = read_picture(stream)
    np.testing.assert_array_equal(picture.pixels[0].permute(1, 2, 0).numpy(), RGB)
    assert (picture.name, picture.path, picture.sha256) == ("stream", None, by_name.sha256)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (io.BytesIO(b""), "the open file: is empty"),
        (io.BytesIO(b"hello"), "the open file: the content is text"),
        (io.BytesIO(b"\x89PNG\r\n\x1a\n"), "the open file: begins like a PNG picture but cannot be decoded"),
        (io.StringIO("hello"), r"open as text.*open\(name, 'rb'\)"),
        (b"\x89PNG\r\n\x1a\n", r"a bytes object.*pass io\.BytesIO"),
        (bytearray(8), r"a bytearray object.*pass io\.BytesIO"),
        (3, r"type int\. Expected a path"),
        (None, r"type NoneType\. Expected a path"),
        ([[0, 1]], r"type list\. Expected a path"),
    ],
)
def test_anything_else_is_refused_with_what_to_pass(source: Any, found: str) -> None:
    with pytest.raises(ImageError, match=found):
        read_picture(source)


def test_a_file_that_is_closed_or_being_written_is_refused(file: Path) -> None:
    with file.open("rb") as stream:
        pass
    with pytest.raises(ImageError, match="cannot be read .*closed file"):
        read_picture(stream)
    with (file.parent / "b.png").open("wb") as writing, pytest.raises(ImageError, match="cannot be read"):
        read_picture(writing)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (3, 6, 5), (1, 3, 6, 5), (4, 6, 5), (1, 1, 6, 5)])
def test_the_conversion_that_is_named_for_a_tensor_works(shape: tuple[int, ...]) -> None:
    tensor = torch.rand(shape)
    with pytest.raises(ImageError, match="Got a tensor of shape") as caught:
        read_picture(tensor)  # type: ignore[arg-type]
    [expression] = str(caught.value).rstrip(".").split("pass ")[1:]
    array = {
        "tensor.cpu().numpy()": lambda: tensor.cpu().numpy(),
        "tensor.permute(1, 2, 0).cpu().numpy()": lambda: tensor.permute(1, 2, 0).cpu().numpy(),
        "tensor[0].permute(1, 2, 0).cpu().numpy()": lambda: tensor[0].permute(1, 2, 0).cpu().numpy(),
    }[expression]()
    assert read_picture(array).size == (6, 5)
