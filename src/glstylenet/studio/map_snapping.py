"""Map snapping: an area that was outlined by hand is brought to the edges of its picture."""

import base64
import functools
import io
from typing import Annotated, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from torch import Tensor

from glstylenet.errors import SettingsError
from glstylenet.maps import check_map_size
from glstylenet.numerics import picture_size
from glstylenet.pictures import read_picture, resize
from glstylenet.proposals import snap_drawn
from glstylenet.studio.limiter import Limiter
from glstylenet.studio.map_proposals import MAP_SIDE
from glstylenet.studio.requests import Requests
from glstylenet.studio.storage import Storage

__all__ = ["MapSnapping", "SnapRequest"]

_MARGIN = 0.25
"""What is looked at around an area, as a share of its longer side."""

_HELD = 2
"""Pictures that are held at the sizes of their maps: whoever outlines one area outlines more."""

_Side = Annotated[int, Field(ge=1, le=MAP_SIDE)]


class SnapRequest(BaseModel):
    """`SnapRequest` is the request to bring an outlined area to the edges of a picture.

    ``picture``: its id, or ``sample:demo``, and then ``role`` tells which. ``width`` and ``height``: of its
    map. ``mask``: a PNG, white where the area is, whose upper left corner lies at (``left``, ``top``) of the
    map.
    """

    model_config = ConfigDict(extra="forbid")

    picture: str = Field(max_length=100)
    role: Literal["content", "style"] = "content"
    width: _Side
    height: _Side
    left: int = Field(ge=0, lt=MAP_SIDE)
    top: int = Field(ge=0, lt=MAP_SIDE)
    mask: Base64Bytes


class MapSnapping:
    """`MapSnapping` brings areas to the edges of their pictures, one at a time.

    A border moves by at most 3 % of the longer side of what is looked at, which is the area and a margin: so
    an eye is brought to its edges as well as a coat.
    """

    def __init__(self, storage: Storage, requests: Requests) -> None:
        self._storage, self._requests = storage, requests
        self._limiter = Limiter(task="areas are being brought to edges")
        self._picture = functools.lru_cache(maxsize=_HELD)(self._read)

    def of(self, request: SnapRequest) -> dict[str, object]:
        """Return ``left``, ``top`` and the ``mask`` of the area as it is now, a PNG in Base64.

        Raises :class:`~glstylenet.errors.SettingsError` for a mask that is not within the map or has no
        area, :class:`~glstylenet.errors.SemanticMapError` for a map of another shape than the picture's,
        :class:`~glstylenet.errors.ImageError` for a mask that is no picture,
        :class:`~glstylenet.errors.InputError` for a missing picture and
        :class:`~glstylenet.studio.limiter.BusyError` if too many requests wait.
        """
        self._requests.file(request.picture, request.role)  # also of one that is held
        mask = _read_mask(request)
        with self._limiter.slot():
            pixels = self._picture(request.picture, request.role, (request.height, request.width))
            height, width = mask.shape
            margin = round(_MARGIN * max(height, width))
            left, top = max(0, request.left - margin), max(0, request.top - margin)
            seen = pixels[..., top : request.top + height + margin, left : request.left + width + margin]
            area = torch.zeros(picture_size(seen), dtype=torch.uint8)
            row, column = request.top - top, request.left - left
            area[row : row + height, column : column + width] = mask
            snapped = snap_drawn(area, seen)
        return {"left": left, "top": top, "mask": base64.b64encode(_png(snapped)).decode()}

    def _read(self, name: str, role: str, size: tuple[int, int]) -> Tensor:
        """Return a picture (1, 3, height, width), uint8, at the ``size`` of its map."""
        with self._storage.limiter.slot():
            pixels = read_picture(self._requests.file(name, role)).over_white
            check_map_size(size, picture_size(pixels), role)
            return resize(pixels, size).round().byte()


def _read_mask(request: SnapRequest) -> Tensor:
    """Return the mask (h, w), uint8: 1 where the area is."""
    pixels = read_picture(io.BytesIO(request.mask), max_pixels=MAP_SIDE**2).over_white
    height, width = picture_size(pixels)
    if request.left + width > request.width or request.top + height > request.height:
        raise SettingsError(
            f"the mask of {width} x {height} pixels at {request.left}, {request.top} is not within the map "
            f"of {request.width} x {request.height}"
        )
    mask = (pixels[0, 0] > 127).byte()
    if not mask.any():
        raise SettingsError("the mask has no white pixels: there is no area to bring to edges")
    return mask


def _png(mask: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask.numpy().astype(np.bool_)).save(buffer, "PNG")
    return buffer.getvalue()
