"""Picture files and what is done to pictures as a whole.

- ``formats``: lists the formats, a row each, from which all else that depends on a format is derived.
- ``file_type``: tells a file's format by its first bytes, and refuses what is no picture.
- ``folder``: tells which files of a folder are pictures.
- ``read``: decodes a file, an array or a Pillow image to sRGB.
- ``source``: says what may be handed in as a picture.
- ``write``: encodes a result, with its recipe, in the format of its suffix.
- ``strips``: reads pictures from top to bottom, without the whole in memory.
- ``decoding``: turns errors and warnings of decoders into ours.
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
- ``colour_encoding``: reads what a file says of its colours without a profile.
- ``transparency``: keeps colours apart from how opaque they are.
- ``resize``: brings a picture to another size.
- ``resized_window``: computes a rectangle of a resized picture.
- ``tiled_tiff``: writes and reads a picture of any size, by rectangles, with its reductions.
- ``cielab``: gives a picture the chroma of another, and keeps its lightness.
- ``colour_transfer``: gives one picture the mean and covariance of another's colours.
- ``colour_distribution``: gives one picture the distribution of another's colours.
- ``guided_filter``: moves borders of channels to the edges of a picture.
- ``local_colour_transfer``: gives a photograph the light and colours of its stylised picture, place by place.
"""

from glstylenet.pictures.cielab import lab_from_rgb, with_chroma_of
from glstylenet.pictures.colour_distribution import match_distribution
from glstylenet.pictures.colour_transfer import match_colours
from glstylenet.pictures.folder import list_pictures
from glstylenet.pictures.formats import output_format, picture_names, picture_suffixes, readable_names
from glstylenet.pictures.guided_filter import apply_maps, guided_maps
from glstylenet.pictures.local_colour_transfer import photo_finish
from glstylenet.pictures.read import Picture, read_picture
from glstylenet.pictures.resize import fitted_size, resize
from glstylenet.pictures.resized_window import resized_window
from glstylenet.pictures.source import PictureSource
from glstylenet.pictures.strips import PictureStrips, open_strips
from glstylenet.pictures.tiled_tiff import TiledTiff, open_tiled_tiff, tiled_tiff_bytes, write_tiled_tiff
from glstylenet.pictures.transparency import over_white, present_pixels
from glstylenet.pictures.write import check_output, read_recipe, write_picture

__all__ = [
    "Picture",
    "PictureSource",
    "PictureStrips",
    "TiledTiff",
    "apply_maps",
    "check_output",
    "fitted_size",
    "guided_maps",
    "lab_from_rgb",
    "list_pictures",
    "match_colours",
    "match_distribution",
    "open_strips",
    "open_tiled_tiff",
    "output_format",
    "over_white",
    "photo_finish",
    "picture_names",
    "picture_suffixes",
    "present_pixels",
    "read_picture",
    "read_recipe",
    "readable_names",
    "resize",
    "resized_window",
    "tiled_tiff_bytes",
    "with_chroma_of",
    "write_picture",
    "write_tiled_tiff",
]
