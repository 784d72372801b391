"""Picture files and what is done to pictures as a whole.

- ``formats``: lists the formats and tells a file's by its first bytes.
- ``read``: decodes a file, an array or a Pillow image to sRGB.
- ``colour_profiles``: converts the colours of a file to sRGB.
- ``resize``: brings a picture to another size.
- ``write``: encodes a result, with its recipe, in the format that the suffix names.
- ``png16``: encodes PNG files with up to 16 bits per colour.
- ``colour_transfer``: gives one picture the colours of another.
- ``guided_filter``: gives a stylised photograph the lines of the original.
"""

from glstylenet.pictures.colour_transfer import match_colours
from glstylenet.pictures.formats import DAMAGED, READERS, file_format
from glstylenet.pictures.guided_filter import photo_finish
from glstylenet.pictures.read import Picture, PictureSource, find_pictures, read_picture
from glstylenet.pictures.resize import fitted_size, resize
from glstylenet.pictures.write import FORMATS, check_output, read_recipe, write_picture

__all__ = [
    "DAMAGED",
    "FORMATS",
    "READERS",
    "Picture",
    "PictureSource",
    "check_output",
    "file_format",
    "find_pictures",
    "fitted_size",
    "match_colours",
    "photo_finish",
    "read_picture",
    "read_recipe",
    "resize",
    "write_picture",
]
