"""Sources: what a caller may hand in as a picture besides a path, and what to do with anything else."""

import os
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from glstylenet.errors import ImageError

__all__ = ["PictureSource", "stream_bytes", "unknown_source"]


PictureSource = str | os.PathLike[str] | BinaryIO | Image.Image | npt.NDArray[np.generic]
"""A picture to read: a path, a file that is open for reading bytes, a Pillow image or an array."""


def stream_bytes(stream: BinaryIO) -> bytes:
    """Return the bytes of an open file, or of ``io.BytesIO``, from where it stands to its end.

    Raises ImageError for a file that is closed, or open as text or for writing.

    >>> import io
    >>> stream_bytes(io.BytesIO(b"GIF89a"))
    b'GIF89a'
    """
    try:
        data = stream.read()
    except (OSError, ValueError) as error:
        raise ImageError(
            f"The open file cannot be read ({error}). Expected one that is open for reading bytes, as "
            "open(name, 'rb') returns."
        ) from error
    if not isinstance(data, bytes):
        raise ImageError("The file is open as text. Expected one that is open for bytes: open(name, 'rb').")
    return data


def unknown_source(source: object) -> ImageError:
    """Return the error for a ``source`` that is none of the accepted types; it says what to pass instead.

    >>> str(unknown_source(Tensor(1, 3, 8, 8)))
    'Got a tensor of shape (1, 3, 8, 8). Expected an array; pass tensor[0].permute(1, 2, 0).cpu().numpy().'
    """
    if isinstance(source, Tensor):
        shape = tuple(source.shape)
        return ImageError(
            f"Got a tensor of shape {shape}. Expected an array; pass {_as_array(shape)}.cpu().numpy()."
        )
    if isinstance(source, bytes | bytearray | memoryview):
        return ImageError(
            f"Got a {type(source).__name__} object. Expected a path, or an open file; pass io.BytesIO(data)."
        )
    return ImageError(
        f"Got an object of type {type(source).__name__}. Expected a path, a file that is open for reading "
        "bytes, a Pillow image or an array of shape (H, W), (H, W, 3) or (H, W, 4)."
    )


def _as_array(shape: tuple[int, ...]) -> str:
    """Return the expression for a tensor of this ``shape`` with its colours on the last axis."""
    name = "tensor[0]" if len(shape) == 4 else "tensor"
    return f"{name}.permute(1, 2, 0)" if shape[-3:-2] in ((1,), (3,), (4,)) else name
