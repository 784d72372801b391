"""Writing the result: PNG, JPEG, WebP or TIFF, in sRGB, with the recipe that made it inside.

Whatever can be refused is refused by :func:`check_output` before anything is computed. A picture is written
beside its place, flushed to the disk and then named: an old file stays whole until the new one is, and a run
that is stopped leaves nothing behind. The same call writes the same bytes.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import IO

import numpy as np
import tifffile
import torch
from PIL import ExifTags, Image, ImageCms
from torch import Tensor

from glstylenet.errors import ImageError, OutputError, SettingsError
from glstylenet.files import TAKEN, replacing, target_of
from glstylenet.pictures.formats import DAMAGED, READERS, file_format

if sys.platform != "win32":
    pass
from glstylenet.pictures.png16 import Samples, write_png

__all__ = ["FORMATS", "check_output", "read_recipe", "write_picture"]


FORMATS: Mapping[str, str] = MappingProxyType(
    {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
)
"""The file formats by suffix."""


_LONGEST_SIDE: Mapping[str, int] = MappingProxyType({"JPEG": 65_500, "WebP": 16_383})


_DEEP_FORMATS = frozenset({"PNG", "TIFF"})


_RECIPE_KEY = "glstylenet"


_JPEG_SEGMENT = 65_533  # bytes in an APP1 segment: its length has 16 bits and counts itself


_NO_ROOM = (
    "{}: the recipe was left out: it takes {:,} bytes, and a JPEG file holds {:,}; PNG or TIFF would do."
)


def check_output(
    path: Path, size: tuple[int, int], *, bits: int = 8, overwrite: bool, inputs: Iterable[Path]
) -> None:
    """Refuse, before anything is computed, a place where a picture of ``size`` (height, width) cannot go.

    ``inputs`` are files that must not be replaced. Raises SettingsError for an unknown suffix or depth,
    OutputError for what the folder or the format forbids.
    """
    kind = _output_format(path, bits)
    longest = _LONGEST_SIDE.get(kind, max(size))
    if max(size) > longest:
        raise OutputError(
            f"{path}: the picture would be {size[1]} x {size[0]} pixels (width x height), but a {kind} "
            f"file holds at most {longest} a side. Write a PNG or TIFF file instead."
        )
    folder = path.parent
    if not folder.exists():
        raise OutputError(f"{path}: the folder {folder} does not exist. Create it, or choose another one.")
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is a file, not a folder. Choose a place inside a folder.")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder. Expected a file name, such as {path / 'result.png'}.")
    for source in inputs:
        if _same_file(path, source):
            raise OutputError(f"{path}: is the input {source} itself. Choose another name for the result.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(TAKEN.format(path))
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
    """Write ``pixels``, float (1, 3, H, W), sRGB 0..255, as the format that the suffix of ``path`` names.

    ``alpha`` (1, 1, H, W), 0..1, is kept where the format can; a JPEG is laid over white instead. ``bits`` is
    8 or 16 per channel. ``recipe`` is a JSON object as text, kept inside the file for :func:`read_recipe`.
    Returns notes on what the file could not take. Raises SettingsError for an unknown suffix or depth,
    OutputError if writing fails; an old file stays.
    """
    kind = _output_format(path, bits)
    if not torch.isfinite(pixels).all():
        raise OutputError(f"{path}: the picture holds values that are not finite; nothing was written.")
    if alpha is not None and kind == "JPEG":
        pixels, alpha = pixels * alpha + 255.0 * (1.0 - alpha), None
    samples = _quantised(pixels, alpha, bits)
    exif = b"" if recipe is None else _exif(recipe)
    notes: tuple[str, ...] = ()
    if kind == "JPEG" and len(exif) > _JPEG_SEGMENT:
        notes, exif = (_NO_ROOM.format(path, len(exif), _JPEG_SEGMENT),), b""
    with replacing(path, overwrite=overwrite) as file:
        if kind == "PNG":
            texts = {} if recipe is None else {_RECIPE_KEY: recipe}
            write_png(file, samples, profile=_srgb_profile(), texts=texts)
        elif kind == "TIFF":
            _write_tiff(file, samples, recipe)
        else:
            _write_with_pillow(file, kind, samples, exif)
    return notes


def read_recipe(path: Path) -> str | None:
    """The recipe inside a picture that :func:`write_picture` wrote; None if there is none.

    Raises ImageError if the file is not a picture.
    """
    kind = file_format(path)
    if kind not in FORMATS.values():
        return None
    text: object = None
    try:
        if kind == "TIFF":
            with tifffile.TiffFile(path) as file:
                text = file.pages.first.tags.valueof(270)  # ImageDescription
        else:
            with READERS[kind](path) as image:
                if kind == "PNG":
                    text = image.info.get(_RECIPE_KEY)
                else:
                    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
                    text = _decoded_comment(comment) if isinstance(comment, bytes) else None
        # Other programs use the same fields for captions of their own; only a JSON object is a recipe.
        return str(text) if isinstance(text, str) and isinstance(json.loads(text), dict) else None
    except json.JSONDecodeError:
        return None
    except DAMAGED as error:
        raise ImageError(f"{path}: is a damaged {kind} file ({error}). Fetch or write it again.") from error


def _output_format(path: Path, bits: int) -> str:
    """The format for ``path``; SettingsError if the suffix or the depth is not known."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        suffix = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise SettingsError(f"output {path}: has {suffix}. Expected one of {', '.join(FORMATS)}.")
    if bits not in (8, 16):
        raise SettingsError(f"bits is {bits}. Expected 8 or 16 per channel.")
    if bits == 16 and kind not in _DEEP_FORMATS:
        raise SettingsError(f"bits is 16, but {path} is a {kind} file, which holds 8. Write PNG or TIFF.")
    return kind


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist (yet)
        return target_of(one) == target_of(other)


def _quantised(pixels: Tensor, alpha: Tensor | None, bits: int) -> Samples:
    """Whole samples (H, W, 3 or 4), rounded to the nearest: v for 8 bits, v * 257 for 16."""
    planes = pixels.detach()[0] if alpha is None else torch.cat([pixels.detach()[0], alpha[0] * 255.0])
    scaled = planes.cpu().double().clamp(0.0, 255.0) * (257.0 if bits == 16 else 1.0)
    values = scaled.add(0.5).floor().permute(1, 2, 0).contiguous().numpy()
    return values.astype(np.uint16) if bits == 16 else values.astype(np.uint8)


@lru_cache(maxsize=1)
def _srgb_profile() -> bytes:
    """An sRGB profile whose creation date is left out: otherwise no two runs would write the same bytes."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def _write_tiff(file: IO[bytes], samples: Samples, recipe: str | None) -> None:
    """A deflated TIFF file of 8 or 16 bits; Pillow writes no 16-bit colour."""
    tifffile.imwrite(
        file,
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=_srgb_profile(),
        description=None if recipe is None else recipe.encode(),
        metadata=None,
        software=False,
    )


def _write_with_pillow(file: IO[bytes], kind: str, samples: Samples, exif: bytes) -> None:
    image = Image.fromarray(samples)
    profile = _srgb_profile()
    if kind == "JPEG":  # subsampling 0 is 4:4:4: colour edges of brush strokes stay sharp
        image.save(file, "JPEG", quality=95, subsampling=0, optimize=True, icc_profile=profile, exif=exif)
    else:  # without loss; "exact" keeps the colours of fully transparent pixels
        image.save(file, "WEBP", lossless=True, exact=True, icc_profile=profile, exif=exif)


def _exif(recipe: str) -> bytes:
    """EXIF data with the recipe as UserComment (Exif 3.0, 4.6.6.3.2)."""
    text = b"ASCII\0\0\0" + recipe.encode() if recipe.isascii() else b"UNICODE\0" + recipe.encode("utf-16-le")
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = text
    return exif.tobytes()


def _decoded_comment(comment: bytes) -> str | None:
    """The text of an EXIF UserComment, or None if its encoding is not known."""
    encoding = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-le"}.get(comment[:8])
    return None if encoding is None else comment[8:].decode(encoding, errors="replace")
