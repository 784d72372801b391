"""Encoding of PNG, JPEG and WebP files, and the recipe inside them. An sRGB profile is always embedded."""

from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.png16 import Samples, write_png
from glstylenet.pictures.webp import webp_metadata

__all__ = ["encode_jpeg", "encode_png", "encode_webp", "jpeg_recipe", "png_recipe", "webp_recipe"]


_RECIPE_KEYWORD = "glstylenet"


_JPEG_SEGMENT = 65_533  # bytes in an APP1 segment: its length has 16 bits and counts itself


def encode_png(file: IO[bytes], samples: Samples, recipe: str | None) -> tuple[str, ...]:
    """Write a PNG file of 8 or 16 bits; the recipe is a text chunk."""
    texts = {} if recipe is None else {_RECIPE_KEYWORD: recipe}
    write_png(file, samples, profile=srgb_profile(), texts=texts)
    return ()


def encode_jpeg(file: IO[bytes], samples: Samples, recipe: str | None) -> tuple[str, ...]:
    """Write a JPEG file; the recipe is EXIF's UserComment, left out with a note if it is too long."""
    exif = _exif(recipe)
    notes: tuple[str, ...] = ()
    if len(exif) > _JPEG_SEGMENT:
        notes = (
            f"the recipe was left out: it takes {len(exif):,} bytes, and a JPEG file holds "
            f"{_JPEG_SEGMENT:,}; PNG or TIFF would do.",
        )
        exif = b""
    Image.fromarray(samples).save(
        file,
        "JPEG",
        quality=95,
        subsampling=0,  # 4:4:4: colour edges of brush strokes stay sharp
        optimize=True,
        icc_profile=srgb_profile(),
        exif=exif,
    )
    return notes


def encode_webp(file: IO[bytes], samples: Samples, recipe: str | None) -> tuple[str, ...]:
    """Write a lossless WebP file; the recipe is EXIF's UserComment."""
    Image.fromarray(samples).save(
        file,
        "WEBP",
        lossless=True,
        exact=True,  # keeps the colours of fully transparent pixels
        icc_profile=srgb_profile(),
        exif=_exif(recipe),
    )
    return ()


def png_recipe(path: Path) -> str | None:
    """Return the text of the recipe's chunk; None if there is none."""
    with PngImagePlugin.PngImageFile(path) as image:
        text = image.info.get(_RECIPE_KEYWORD)
    return str(text) if isinstance(text, str) else None


def jpeg_recipe(path: Path) -> str | None:
    """Return the text of EXIF's UserComment, where a recipe lies; None if there is none."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        return _user_comment(image)


def webp_recipe(path: Path) -> str | None:
    """Return the text of EXIF's UserComment, where a recipe lies; None if there is none."""
    with path.open("rb") as file:
        return _user_comment(webp_metadata(file))


def _exif(recipe: str | None) -> bytes:
    """Return EXIF data with the recipe as UserComment (Exif 3.0, 4.6.6.3.2); none without a recipe."""
    if recipe is None:
        return b""
    text = b"ASCII\0\0\0" + recipe.encode() if recipe.isascii() else b"UNICODE\0" + recipe.encode("utf-16-le")
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = text
    return exif.tobytes()


def _user_comment(image: Image.Image) -> str | None:
    """Return the text of EXIF's UserComment; None if there is none or its encoding is not known."""
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if not isinstance(comment, bytes):
        return None
    encoding = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-le"}.get(comment[:8])
    return None if encoding is None else comment[8:].decode(encoding, errors="replace")
