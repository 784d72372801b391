"""Inputs: the pictures and maps of a run, read, checked and brought to size together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from glstylenet.errors import ImageError, InputError, UsageError
from glstylenet.maps import PictureMap, Semantics, label_maps, resize_labels
from glstylenet.memory import PIXEL_BYTES, HeldPictures
from glstylenet.pictures import Picture, PictureSource, fitted_size, match_colours, read_picture, resize
from glstylenet.run.canvas import with_margin
from glstylenet.run.scales import SMALLEST_SIDE
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = [
    "HeldPicture",
    "Inputs",
    "Origin",
    "ScaledInputs",
    "Sources",
    "class_count",
    "effective_settings",
    "prepare_inputs",
    "read_result",
    "read_sources",
]


_PAINTED_ROLES = ("content", "style", "init")
"""Pictures that are painted from; the others are maps."""


_ROWS_AT_ONCE = 256


_ALPHA_BYTES = 4
"""One channel, float32."""


@dataclass(frozen=True)
class ScaledInputs:
    """Everything an objective needs at one scale. Pictures (1, 3, h, w), maps (1, K, h, w)."""

    content: Tensor | None
    style: Tensor
    content_map: Tensor | None
    style_map: Tensor | None

    def on_canvas(self) -> "ScaledInputs":
        """The same with a margin around the content's side; the style has no picture to go on with."""
        return replace(
            self,
            content=None if self.content is None else with_margin(self.content),
            content_map=None if self.content_map is None else with_margin(self.content_map),
        )


@dataclass(frozen=True)
class Origin:
    """Where a picture came from: its file, if it has one, and the SHA-256 of what was read."""

    path: Path | None
    sha256: str


@dataclass(frozen=True)
class HeldPicture:
    """A picture (1, 3, H, W), 0..255, that waits for its next use: a byte for each value where these are
    whole numbers, as those of most files are until they are resampled, else float32."""

    values: Tensor

    @classmethod
    def of(cls, pixels: Tensor) -> "HeldPicture":
        """``pixels`` (1, 3, H, W) float32, to be kept."""
        return cls(pixels.to(torch.uint8) if _are_whole(pixels) else pixels)

    @property
    def pixels(self) -> Tensor:
        """What was to be kept, float32; made anew from bytes."""
        return self.values.to(torch.float32)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.values.shape[-2], self.values.shape[-1]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.values.nbytes


@dataclass(frozen=True)
class Sources:
    """The pictures of a run by role as they were read, and the sizes (height, width) to bring them to."""

    pictures: Mapping[str, Picture]
    size: tuple[int, int]
    style_size: tuple[int, int]

    @cached_property
    def held_pictures(self) -> HeldPictures:
        """What the pictures will take that a run keeps (:class:`HeldPicture`), at their sizes."""
        content = self.pictures.get("content")
        kept = {role: self._kept_bytes(role) for role in _PAINTED_ROLES if role in self.pictures}
        return _at_hand(kept, self.size, transparent=content is not None and content.alpha is not None)

    def _kept_bytes(self, role: str) -> int:
        picture = self.pictures[role]
        height, width = self.style_size if role == "style" else self.size
        is_whole = picture.size == (height, width) and _are_whole(picture.pixels)
        return height * width * PIXEL_BYTES // (4 if is_whole else 1)


@dataclass(frozen=True)
class Inputs:
    """The pictures of a run at full size.

    ``kept``: those that are painted from, by role: the style, the content but for a doodle (a content map
    alone), and the picture to start from, where one was named. ``size``: (height, width) of the result.
    ``alpha`` (1, 1, H, W) 0..1: the content's transparency, given back to the result. ``origins``: where each
    came from, by role. ``warnings``: sentences.
    """

    kept: Mapping[str, HeldPicture]
    semantics: Semantics | None
    size: tuple[int, int]
    alpha: Tensor | None
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]

    @property
    def content(self) -> Tensor | None:
        """(1, 3, H, W) float32, 0..255; ``None`` for a doodle."""
        return self.kept["content"].pixels if "content" in self.kept else None

    @property
    def style(self) -> Tensor:
        """(1, 3, A, B) float32, 0..255."""
        return self.kept["style"].pixels

    @property
    def style_size(self) -> tuple[int, int]:
        """(height, width) of the style."""
        return self.kept["style"].size

    @property
    def held_pictures(self) -> HeldPictures:
        """What the pictures take."""
        kept = {role: picture.nbytes for role, picture in self.kept.items()}
        return _at_hand(kept, self.size, transparent=self.alpha is not None)

    def scaled(self, size: tuple[int, int], factor: float, device: torch.device) -> ScaledInputs:
        """The inputs for a scale of ``size`` = ``factor`` times the result's, on ``device``."""
        height, width = self.style_size
        # A narrow style stops shrinking at the smallest side that holds patches, in both directions.
        factor = max(factor, min(1.0, SMALLEST_SIDE / min(height, width)))
        style_size = (round(height * factor), round(width * factor))
        content_map = style_map = None
        if self.semantics is not None:
            content_map = resize_labels(self.semantics.channels[0], size).to(device)
            style_map = resize_labels(self.semantics.channels[1], style_size).to(device)
        content = self.content
        return ScaledInputs(
            content=None if content is None else resize(content, size).to(device),
            style=resize(self.style, style_size).to(device),
            content_map=content_map,
            style_map=style_map,
        )

    def start(self, kind: str, size: tuple[int, int], seed: int) -> Tensor:
        """The pixels a run starts from at ``size``: ``kind`` is content, tinted, style, noise or a
        picture's path."""
        if "init" in self.kept:
            return resize(self.kept["init"].pixels, size)
        if kind == "style":
            # The paper's init for portraits. The authors' script puts it in 0..1, almost black; here 0..255.
            return resize(self.style, size)
        content = self.content
        if kind == "noise" or content is None:
            generator = torch.Generator().manual_seed(seed)
            return 255.0 * torch.rand((1, 3, *size), generator=generator)
        content = resize(content, size)
        if kind != "tinted":
            return content
        # A descent from the content's own colours spends most of its steps on hue and light; from the
        # style's colours it starts with the brushwork.
        if self.semantics is None:
            return match_colours(content, self.style)
        content_map, style_map = self.semantics.channels
        here = resize_labels(content_map, size)
        return match_colours(content, self.style, picture_map=here, source_map=style_map)


def effective_settings(settings: Settings, content: PictureSource | None) -> Settings:
    """The settings that really apply: a doodle has no content to keep or to start from."""
    if content is None:
        init = "noise" if settings.init in ("content", "tinted") else settings.init
        return settings.replace(content_weight=0.0, init=init)
    return settings


def class_count(sources: Sources, settings: Settings) -> int:
    """How many map classes to reckon with before the maps are read."""
    return (settings.classes or 8) if "content_map" in sources.pictures else 0


def read_sources(
    content: PictureSource | None,
    style: PictureSource,
    *,
    content_map: PictureSource | None,
    style_map: PictureSource | None,
    settings: Settings,
) -> Sources:
    """Read every picture of a run and settle its sizes; nothing is brought to size yet.

    Raises :class:`~glstylenet.errors.UsageError` for a map without its partner and
    :class:`~glstylenet.errors.ImageError` for pictures that cannot be used.
    """
    _check_roles(content, content_map, style_map)
    sources = {
        "content": content,
        "style": style,
        "content_map": content_map,
        "style_map": style_map,
        "init": None if settings.init in INIT_CHOICES else settings.init,
    }
    pictures = {
        role: read_picture(source, max_pixels=settings.max_pixels)
        for role, source in sources.items()
        if source is not None
    }
    shape_giver = pictures["content"] if content is not None else pictures["content_map"]
    size = fitted_size(shape_giver.size, settings.size)
    style_size = _style_size(pictures["style"].size, size, settings.style_scale)
    for role, smallest in (("content", size), ("style", style_size)):
        if min(smallest) < SMALLEST_SIDE:
            raise ImageError(
                f"the {role} would be {smallest[1]} x {smallest[0]} pixels, and the smallest side a run "
                f"accepts is {SMALLEST_SIDE}; use a larger picture, --size or --style-scale"
            )
    return Sources(pictures, size, style_size)


def read_result(picture: PictureSource, sources: Sources, settings: Settings) -> Picture:
    """Read a picture that is to be judged as a result of ``sources``.

    Raises :class:`~glstylenet.errors.InputError` if it has another size than a result has.
    """
    shown = read_picture(picture, max_pixels=settings.max_pixels)
    if shown.size != sources.size:
        raise InputError(
            f"{shown.name} has {shown.size[1]} x {shown.size[0]} pixels, expected a result of "
            f"{sources.size[1]} x {sources.size[0]}; give a picture of that size, or --size"
        )
    return shown


def prepare_inputs(sources: Sources, settings: Settings) -> Inputs:
    """Bring pictures and maps to their sizes.

    Raises :class:`~glstylenet.errors.SemanticMapError` for maps that do not fit.
    """
    pictures, size = sources.pictures, sources.size
    semantics = _read_maps(sources, settings)
    warnings = [
        f"{picture.path or picture.name}: {note}" for picture in pictures.values() for note in picture.notes
    ]
    if semantics is not None:
        warnings.extend(semantics.warnings)
    content = pictures.get("content")
    alpha = content.alpha if content is not None else None
    return Inputs(
        kept={
            role: HeldPicture.of(resize(picture.pixels, sources.style_size if role == "style" else size))
            for role, picture in pictures.items()
            if role in _PAINTED_ROLES
        },
        semantics=semantics,
        size=size,
        alpha=None if alpha is None else resize(255.0 * alpha, size) / 255.0,
        origins={role: Origin(picture.path, picture.sha256) for role, picture in pictures.items()},
        warnings=tuple(warnings),
    )


def _at_hand(kept: Mapping[str, int], size: tuple[int, int], *, transparent: bool) -> HeldPictures:
    """``kept``: bytes of the pictures by role; ``size`` of the result, whose transparency waits too."""
    transparency = _ALPHA_BYTES if transparent else 0
    return HeldPictures(
        nbytes=sum(kept.values()) + transparency * size[0] * size[1],
        pixel_bytes=PIXEL_BYTES * sum(role != "style" for role in kept) + transparency,
    )


def _are_whole(pixels: Tensor) -> bool:
    """Whether every value, of 0..255, is a whole number."""
    return all(bool((strip == strip.round()).all()) for strip in torch.split(pixels, _ROWS_AT_ONCE, dim=2))


def _check_roles(
    content: PictureSource | None, content_map: PictureSource | None, style_map: PictureSource | None
) -> None:
    if (content_map is None) != (style_map is None):
        have, lack = ("content", "style") if style_map is None else ("style", "content")
        raise UsageError(
            f"got a {have} map but no {lack} map; maps steer which region is painted from which, so both "
            f"pictures need one: add --{lack}-map, or leave both out"
        )
    if content is None and content_map is None:
        raise UsageError("got no content; give a content picture, or a content map to paint from a doodle")


def _style_size(natural: tuple[int, int], size: tuple[int, int], style_scale: float) -> tuple[int, int]:
    """The style's working size: no longer than the result, so that strokes keep their proportion to it.

    A smaller style keeps its own pixels: enlarging would only blur its brushwork.
    """
    longest = min(max(natural), max(size))
    return fitted_size(natural, max(1, round(longest * style_scale)))


def _read_maps(sources: Sources, settings: Settings) -> Semantics | None:
    pictures = sources.pictures
    if "content_map" not in pictures:
        return None
    content_map, style_map = pictures["content_map"], pictures["style_map"]
    semantics = label_maps(
        [
            PictureMap(content_map.pixels, "content", pictures.get("content", content_map).size),
            PictureMap(style_map.pixels, "style", pictures["style"].size),
        ],
        classes=settings.classes,
        strict=settings.strict,
    )
    # At their own size the channels of a large map would be the largest thing in memory.
    sizes = (sources.size, sources.style_size)
    resized = (resize_labels(each, size) for each, size in zip(semantics.channels, sizes, strict=True))
    return replace(semantics, channels=tuple(resized))
