"""Writing the result in sRGB, in the format of its suffix, with the recipe that made it inside.

Whatever can be refused is refused by :func:`check_output` before anything is computed. The file is replaced
at once or stays as it was (:func:`~glstylenet.files.replacing`). The same call writes the same bytes.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glstylenet.errors import ImageError, OutputError, SettingsError
from glstylenet.files import FILE_EXISTS, FileSet, replacing, status_of, target_of
from glstylenet.pictures.file_type import file_format
from glstylenet.pictures.formats import Encoder, PictureFormat, join_names, output_format, writable_formats
from glstylenet.pictures.png16 import Samples
from glstylenet.pictures.raster import DECODING_ERRORS
from glstylenet.pictures.transparency import over_white

__all__ = ["check_output", "read_recipe", "write_picture"]

_QUANTISED_AT_ONCE = 2**16
"""Numbers that are rounded at a time."""


def check_output(
    path: Path, size: tuple[int, int], *, bits: int = 8, overwrite: bool, inputs: FileSet
) -> None:
    """Refuse, before anything is computed, a place where a picture of ``size`` (height, width) cannot go.

    ``inputs`` are files that must not be replaced. Raises SettingsError for an unknown suffix or depth,
    OutputError for what the folder or the format forbids.
    """
    form, _encode = _format_and_encoder(path, bits)
    if form.longest_side is not None and max(size) > form.longest_side:
        others = join_names(each for each in writable_formats() if each.longest_side is None)
        raise OutputError(
            f"{path}: the picture would be {size[1]} x {size[0]} pixels (width x height), but a {form.name} "
            f"file holds at most {form.longest_side} a side. Write a {others} file instead."
        )
    folder = path.parent
    try:
        status_of(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be looked up ({error.strerror}). Choose another name or folder."
        ) from error
    if not folder.exists():
        raise OutputError(f"{path}: the folder {folder} does not exist. Create it, or choose another one.")
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is a file, not a folder. Choose a place inside a folder.")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder. Expected a file name, such as {path / 'result.png'}.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is a pipe or a device. Expected the name of a file.")
    if (source := inputs.find(path)) is not None:
        raise OutputError(f"{path}: is the input {source} itself. Choose another name for the result.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(FILE_EXISTS.format(path))
    try:
        # Permission bits do not tell the whole story (root, read-only disks, quotas): try it.
        with tempfile.TemporaryFile(dir=target_of(path).parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: the folder {folder} cannot be written to ({error}). Choose another one."
        ) from error


def write_picture(
    path: Path,
    pixels: Tensor,
    *,
    alpha: Tensor | None = None,
    bits: int = 8,
    recipe: str | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write ``pixels``, float or uint8 (1, 3, H, W), sRGB 0..255, in the format of the suffix of ``path``.

    ``alpha`` (1, 1, H, W), 0..1, is kept where the format can; else the picture, whose colours are straight,
    is laid over white. ``bits`` is 8 or 16 per channel. ``recipe`` is a JSON object as text, kept inside the
    file for :func:`read_recipe`. Returns notes on what the file could not take. Raises SettingsError for an
    unknown suffix or depth, OutputError if writing fails; an old file stays.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "painted.png")
    ...     notes = write_picture(path, torch.zeros(1, 3, 8, 8), recipe='{"seed": 7}')
    ...     notes, read_recipe(path)
    ((), '{"seed": 7}')
    """
    form, encode = _format_and_encoder(path, bits)
    if not torch.isfinite(pixels).all():
        raise OutputError(f"{path}: the picture holds values that are not finite; nothing was written.")
    if alpha is not None and not form.keeps_alpha:
        pixels, alpha = over_white(pixels, alpha), None
    samples = _quantised(pixels, alpha, bits)
    with replacing(path, overwrite=overwrite) as file:
        notes = encode(file, samples, recipe)
    return tuple(f"{path}: {note}" for note in notes)


def read_recipe(path: Path) -> str | None:
    """Return the recipe, a JSON object as text, in a picture that :func:`write_picture` wrote; None without.

    Raises ImageError if the file is not a picture.
    """
    form = file_format(path)
    if form.read_recipe is None:
        return None
    try:
        text = form.read_recipe(path)
        # Other programs use the same fields for captions of their own; only a JSON object is a recipe.
        return text if text is not None and isinstance(json.loads(text), dict) else None
    except json.JSONDecodeError:
        return None
    except DECODING_ERRORS as error:
        raise ImageError(
            f"{path}: is a damaged {form.name} file ({error}). Fetch or write it again."
        ) from error


def _format_and_encoder(path: Path, bits: int) -> tuple[PictureFormat, Encoder]:
    """Return the format for ``path`` and what writes it; SettingsError for an unknown suffix or depth."""
    form = output_format(path)
    if form is None or form.encode is None:
        suffix = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        known = ", ".join(suffix for each in writable_formats() for suffix in each.suffixes)
        raise SettingsError(f"output {path}: has {suffix}. Expected one of {known}.")
    if bits not in (8, 16):
        raise SettingsError(f"bits is {bits}. Expected 8 or 16 per channel.")
    if bits not in form.bits:
        others = join_names(each for each in writable_formats() if bits in each.bits)
        raise SettingsError(
            f"bits is {bits}, but {path} is a {form.name} file, which holds {form.bits[0]}. Write {others}."
        )
    return form, form.encode


def _quantised(pixels: Tensor, alpha: Tensor | None, bits: int) -> Samples:
    """Return whole samples (H, W, 3 or 4), rounded to the nearest: v for 8 bits, v * 257 for 16."""
    if alpha is None and bits == 8 and pixels.dtype == torch.uint8:  # a large map needs no large temporary
        return pixels[0].cpu().permute(1, 2, 0).contiguous().numpy()
    planes = pixels.detach()[0] if alpha is None else torch.cat([pixels.detach()[0], alpha[0] * 255.0])
    channels, height, width = planes.shape
    samples = np.empty((height, width, channels), np.uint16 if bits == 16 else np.uint8)
    rows_at_once = max(1, _QUANTISED_AT_ONCE // (channels * width))  # what is in the cache is fast
    for top in range(0, height, rows_at_once):
        strip = planes[:, top : top + rows_at_once].cpu().double().clamp_(0.0, 255.0)
        values = strip.mul_(257.0 if bits == 16 else 1.0).add_(0.5).floor_().permute(1, 2, 0)
        samples[top : top + rows_at_once] = values.numpy()
    return samples
