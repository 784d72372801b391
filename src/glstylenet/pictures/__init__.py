"""Picture files and what is done to pictures as a whole.

- ``formats``: lists the formats, a row each, from which all else that depends on a format is derived.
- ``file_type``: tells a file's format by its first bytes, and refuses what is no picture.
- ``read``: decodes a file, an array or a Pillow image to sRGB.
- ``write``: encodes a result, with its recipe, in the format of its suffix.
- ``raster``: holds decoded samples and limits their size.
- ``decode``: decodes files and images with Pillow.
- ``png``: decodes PNG files, leaving out damaged metadata.
- ``jpeg``: decodes JPEG files, also those that lack their end.
- ``webp``: decodes WebP files.
- ``tiff``: decodes and encodes TIFF files.
- ``tiff_directory``: reads what a TIFF file holds, without decoding anything.
- ``picture_end``: finds where a picture's own data stop in its file.
- ``excerpt``: reads parts of files as one file.
- ``encode``: encodes PNG, JPEG and WebP files.
- ``png16``: encodes PNG samples with up to 16 bits per colour.
- ``colour_profiles``: converts the colours of a file to sRGB.
- ``resize``: brings a picture to another size.
- ``colour_transfer``: gives one picture the colours of another.
- ``guided_filter``: gives a stylised photograph the lines of the original.
"""

from glstylenet.pictures.colour_transfer import match_colours
from glstylenet.pictures.formats import output_format, picture_suffixes, readable_names
from glstylenet.pictures.guided_filter import photo_finish
from glstylenet.pictures.read import Picture, PictureSource, find_pictures, read_picture
from glstylenet.pictures.resize import fitted_size, resize
from glstylenet.pictures.write import check_output, read_recipe, write_picture

__all__ = [
    "Picture",
    "PictureSource",
    "check_output",
    "find_pictures",
    "fitted_size",
    "match_colours",
    "output_format",
    "photo_finish",
    "picture_suffixes",
    "read_picture",
    "read_recipe",
    "readable_names",
    "resize",
    "write_picture",
]
