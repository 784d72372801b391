"""TIFF files: with the layouts and the depth that Pillow does not read or write."""

from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from PIL import TiffImagePlugin

from glstylenet.pictures.colour_profiles import srgb_profile
from glstylenet.pictures.decode import decode_with_pillow
from glstylenet.pictures.png16 import Samples
from glstylenet.pictures.raster import Raster, SizeLimits, divide_by_alpha, to_float_samples

__all__ = ["decode_tiff", "encode_tiff", "tiff_recipe"]


_DESCRIPTION = 270  # the tag ImageDescription, which holds the recipe


_ORIENTATION = 274


_ICC_PROFILE = 34675


def decode_tiff(data: bytes, limits: SizeLimits) -> Raster:
    """Decode the first page; raises one of DECODING_ERRORS for a damaged file."""
    try:
        image = TiffImagePlugin.TiffImageFile(BytesIO(data))
    except SyntaxError:  # floating-point RGB and 16-bit grey with alpha are unknown to Pillow
        return _decode_with_tifffile(data, limits)
    limits.check(*image.size)
    if not _has_deep_planes(image):
        return decode_with_pillow(TiffImagePlugin.TiffImageFile, data, limits, frames="pages")
    raster = _decode_with_tifffile(data, limits)
    raster.note_frames(image.n_frames, "pages")
    return raster


def encode_tiff(file: IO[bytes], samples: Samples, recipe: str | None) -> tuple[str, ...]:
    """Write a deflated TIFF file of 8 or 16 bits (Pillow writes no 16-bit colour), recipe included."""
    tifffile.imwrite(
        file,
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=None if recipe is None else recipe.encode(),
        metadata=None,
        software=False,
    )
    return ()


def tiff_recipe(path: Path) -> str | None:
    """Return the text of ImageDescription, where a recipe lies; None if there is none."""
    with tifffile.TiffFile(path) as file:
        text = file.pages.first.tags.valueof(_DESCRIPTION)
    return text if isinstance(text, str) else None


def _decode_with_tifffile(data: bytes, limits: SizeLimits) -> Raster:
    """Decode what Pillow cannot: floating-point RGB, deep samples in planes, deep grey with alpha."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages.first
        limits.check(page.imagewidth, page.imagelength)
        grey = page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        if page.samplesperpixel > 4 or page.imagedepth > 1:
            raise ValueError(f"{page.samplesperpixel} samples per pixel, {page.imagedepth} deep")
        if not grey and page.photometric != tifffile.PHOTOMETRIC.RGB:
            raise ValueError(f"{page.photometric!s} samples of type {page.dtype}")
        samples = page.asarray()
        tags = {
            code: page.tags.valueof(code, default=default)
            for code, default in ((_ORIENTATION, 1), (_ICC_PROFILE, None))
        }
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        samples = to_float_samples(samples.reshape(page.imagelength, page.imagewidth, -1))
        count = 1 if grey else 3
        raster = Raster(
            samples[..., :count], None, "L" if grey else "RGB", tags[_ICC_PROFILE], int(tags[_ORIENTATION])
        )
        extra = page.extrasamples[:1]
        if extra and extra[0] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA):
            raster.alpha = samples[..., count] / np.float32(255)
        if extra and extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            raster.colour = divide_by_alpha(raster.colour, raster.alpha)
    return raster


def _has_deep_planes(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether the file holds more than 8 bits and one plane per colour, which Pillow mixes up."""
    bits: tuple[int, ...] = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    return max(bits) > 8 and image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
