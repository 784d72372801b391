"""Face models: where a picture shows a person, and where the points of each face are.

Three small models of MediaPipe 0.10.21 ship with the package (``models/NOTICE``). They run under
ai-edge-litert, which the extra ``maps`` installs. What they take and what their numbers mean is given by
them: boxes at anchors (Bazarevsky et al. 2019, BlazeFace), and 468 points (Kartynnik et al. 2019).
"""

import contextlib
import hashlib
import importlib.resources
import importlib.util
import math
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from glstylenet.errors import UsageError, WeightsError
from glstylenet.numerics import picture_size

__all__ = ["FaceModels", "Points", "has_face_models"]


Points = NDArray[np.float64]
"""Points (N, 2), x and y in pixels."""


_SHA256 = {
    "selfie_segmentation.tflite": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_landmark.tflite": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}


_PERSON_SIDE, _DETECTION_SIDE, _LANDMARK_SIDE = 256, 128, 192
"""Sides in pixels of the pictures that the models take."""


_ANCHOR_GRIDS = ((16, 2), (8, 6))
"""The detector's anchors: cells along a side, and anchors in each cell."""


_LEAST_SCORE = 0.5


_LEAST_LOGIT = -2.0
"""What the landmark model must say of a face that the detector found. For photographs 0 would do; painted
strokes make it unsure: Van Gogh's portrait of 1889 gets -0.2 to 1. Of eleven pictures without a face that the
detector finds, its own score is below 0.5 and this one below -0.5."""


_LARGEST_OVERLAP = 0.3
"""Of two detections that overlap more, intersection over union, only the surer one is a face."""


_FACE_MARGIN = 1.5
"""The landmark model takes a square with this many times the side of the face's box."""


_RIGHT_EYE, _LEFT_EYE = 33, 263
"""Points at the outer corners of the eyes."""


def has_face_models() -> bool:
    """Return whether ai-edge-litert is installed, without which the models cannot run."""
    return importlib.util.find_spec("ai_edge_litert") is not None


class FaceModels:
    """`FaceModels` holds the three models, loaded and checked.

    Raises :class:`~glstylenet.errors.UsageError` if ai-edge-litert is missing and
    :class:`~glstylenet.errors.WeightsError` if a model's file is missing or damaged.
    """

    def __init__(self) -> None:
        self._person, self._detection, self._landmarks = map(_load, _SHA256)

    def person(self, pixels: Tensor) -> Tensor:
        """Return how far each of ``pixels`` (1, 3, h, w), 0..255, is a person: (1, 1, h, w), 0..1."""
        square = F.interpolate(pixels.float(), (_PERSON_SIDE, _PERSON_SIDE), mode="bilinear", antialias=True)
        [share] = _run(self._person, square / 255.0)
        planes = torch.from_numpy(share).permute(0, 3, 1, 2)
        return F.interpolate(planes, picture_size(pixels), mode="bilinear")

    def faces(self, pixels: Tensor) -> list[Points]:
        """Return the 468 points of each face in ``pixels`` (1, 3, h, w), 0..255; the surest comes first."""
        found = []
        values = pixels.float()
        for box, box_eyes in self._detect(values):
            points = self._place_points(values, _Square.around(box, box_eyes))
            if points is not None:  # a second pass around these points places them better
                eyes = points[[_RIGHT_EYE, _LEFT_EYE]]
                again = self._place_points(values, _Square.around(points, eyes))
                found.append(points if again is None else again)
        return found

    def _detect(self, pixels: Tensor) -> list[tuple[Points, Points]]:
        """Return two corners and two eyes, in pixels, of each face."""
        height, width = picture_size(pixels)
        side = max(height, width)
        size = max(1, round(height * _DETECTION_SIDE / side)), max(1, round(width * _DETECTION_SIDE / side))
        small = F.interpolate(pixels, size, mode="bilinear", antialias=True) / 127.5 - 1.0
        square = F.pad(small, (0, _DETECTION_SIDE - size[1], 0, _DETECTION_SIDE - size[0]))
        outputs = _run(self._detection, square)
        boxes, logits = sorted((each[0] for each in outputs), key=lambda each: -each.shape[-1])
        sure = np.flatnonzero(logits[:, 0] >= math.log(_LEAST_SCORE / (1.0 - _LEAST_SCORE)))
        sure = sure[np.argsort(-logits[sure, 0], kind="stable")]
        anchors = _anchors()
        chosen: list[tuple[Points, Points]] = []
        for number in sure:
            values = boxes[number].astype(np.float64) / _DETECTION_SIDE
            centre, extent = values[:2] + anchors[number], values[2:4]
            corners = np.stack([centre - extent / 2, centre + extent / 2]) * side
            eyes = (values[4:8].reshape(2, 2) + anchors[number]) * side
            if all(_overlap(corners, other) <= _LARGEST_OVERLAP for other, _eyes in chosen):
                chosen.append((corners, eyes))
        return chosen

    def _place_points(self, pixels: Tensor, square: "_Square") -> Points | None:
        """Return the 468 points of the face in ``square``, in pixels; None if there is no face."""
        outputs = _run(self._landmarks, square.crop(pixels, _LANDMARK_SIDE) / 255.0)
        values, logit = sorted((each.ravel() for each in outputs), key=lambda each: -each.size)
        if logit[0] <= _LEAST_LOGIT:
            return None
        return square.to_picture(values.reshape(-1, 3)[:, :2].astype(np.float64) / _LANDMARK_SIDE)


class _Square:
    """`_Square` is a square of a picture, turned so that a face in it stands upright.

    ``centre`` (2) and ``side`` are in pixels; ``across`` and ``down`` (2) are unit vectors along its sides.
    """

    def __init__(self, centre: Points, side: float, across: Points) -> None:
        self.centre, self.side, self.across = centre, side, across
        self.down = np.array([-across[1], across[0]])

    @classmethod
    def around(cls, points: Points, eyes: Points) -> "_Square":
        """Return the square around ``points`` with a margin; ``eyes`` are that on the left, and the other."""
        direction = eyes[1] - eyes[0]
        length = float(np.hypot(*direction))
        across = direction / length if length > 0 else np.array([1.0, 0.0])
        low, high = points.min(0), points.max(0)
        return cls((low + high) / 2, _FACE_MARGIN * float((high - low).max()), across)

    def crop(self, pixels: Tensor, side: int) -> Tensor:
        """Return the square of ``pixels`` (1, 3, h, w) as (1, 3, side, side), black outside the picture."""
        height, width = picture_size(pixels)
        steps = (np.arange(side) + 0.5) / side
        columns, rows = np.meshgrid(steps, steps)
        places = self.to_picture(np.stack([columns, rows], axis=-1))
        grid = torch.from_numpy(2.0 * places / [width, height] - 1.0)[None].float()
        return F.grid_sample(pixels, grid, mode="bilinear", align_corners=False)

    def to_picture(self, places: Points) -> Points:
        """Return ``places`` (..., 2), 0..1 across and down the square, in pixels of the picture."""
        offset = (places - 0.5) * self.side
        return np.asarray(self.centre + offset[..., :1] * self.across + offset[..., 1:] * self.down)


def _load(name: str) -> Any:
    """Return the interpreter of the model ``name``."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "maps of portraits need ai-edge-litert, which is not installed; install it with: "
            "pip install 'glstylenet[maps]'"
        ) from error
    file = importlib.resources.files("glstylenet").joinpath("proposals", "models", name)
    if not file.is_file():
        raise WeightsError(f"the model {name} is missing from the installed package; reinstall glstylenet")
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256[name]:
        raise WeightsError(
            f"the model {name} of the installed package is damaged: its SHA-256 is {digest}, expected "
            f"{_SHA256[name]}; reinstall glstylenet"
        )
    interpreter = Interpreter(model_content=content, num_threads=1)
    with _silent():
        interpreter.allocate_tensors()
    return interpreter


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Drop what is written to standard error: the runtime tells there, without being asked, what it uses."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _run(interpreter: Any, pixels: Tensor) -> list[NDArray[np.float32]]:
    """Return the outputs of a model for ``pixels`` (1, 3, h, w)."""
    [place] = interpreter.get_input_details()
    interpreter.set_tensor(place["index"], pixels.permute(0, 2, 3, 1).contiguous().numpy())
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def _anchors() -> Points:
    """Return the centres (896, 2) of the detector's anchors, x and y, 0..1.

    >>> _anchors()[[0, 2, 512, 895]].tolist()
    [[0.03125, 0.03125], [0.09375, 0.03125], [0.0625, 0.0625], [0.9375, 0.9375]]
    """
    parts = []
    for cells, count in _ANCHOR_GRIDS:
        steps = (np.arange(cells) + 0.5) / cells
        columns, rows = np.meshgrid(steps, steps)
        parts.append(np.stack([columns.ravel(), rows.ravel()], axis=1).repeat(count, axis=0))
    return np.concatenate(parts)


def _overlap(one: Points, other: Points) -> float:
    """Return the intersection over union of two boxes, each two corners.

    >>> square = np.array([[0.0, 0.0], [2.0, 2.0]])
    >>> _overlap(square, square + [1.0, 0.0])
    0.3333333333333333
    """
    shared = (np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])).clip(0).prod()
    both = np.prod(one[1] - one[0]) + np.prod(other[1] - other[0]) - shared
    return float(shared / both)
