"""The inputs of a run: its pictures and maps, read, checked, and brought to size together."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from glstylenet.errors import ImageError, InputError, UsageError
from glstylenet.machine import choose_device
from glstylenet.maps import PictureMap, Semantics, label_maps, resize_labels
from glstylenet.memory import PIXEL_BYTES, HeldPictures
from glstylenet.objective import check_opacity
from glstylenet.pictures import Picture, PictureSource, fitted_size, match_distribution, read_picture, resize
from glstylenet.proposals import DEFAULT_CLASSES, Proposal, propose_maps, propose_portrait_maps
from glstylenet.pyramid import SCHEMES, fused_size
from glstylenet.run.canvas import with_margin
from glstylenet.run.grey import all_grey
from glstylenet.run.scales import SMALLEST_SIDE
from glstylenet.settings import INIT_CHOICES, Role, Settings

__all__ = [
    "HeldPicture",
    "Inputs",
    "Origin",
    "ScaledInputs",
    "Sources",
    "effective_settings",
    "prepare_inputs",
    "read_result",
    "read_sources",
    "style_size_at",
]

_HELD_ROLES = (Role.CONTENT, Role.STYLE, Role.INIT)
"""Roles of the pictures that a run holds at full size; the others are maps, which become labels."""


_ROWS_AT_ONCE = 256
"""Rows that are compared at a time, so that a large picture needs no large temporary."""


_ALPHA_BYTES = 4
"""Bytes of a pixel's transparency, one channel of float32."""


@dataclass(frozen=True)
class ScaledInputs:
    """`ScaledInputs` holds what an objective needs at one size: pictures (1, 3, h, w), maps (1, K, h, w).

    ``style_alpha`` (1, 1, a, b), 0..1, is ``None`` where the style is opaque.
    """

    content: Tensor | None
    style: Tensor
    content_map: Tensor | None
    style_map: Tensor | None
    style_alpha: Tensor | None = None

    def on_canvas(self) -> "ScaledInputs":
        """Return a copy with a margin around the content and its map; the style is not painted on."""
        return replace(
            self,
            content=None if self.content is None else with_margin(self.content),
            content_map=None if self.content_map is None else with_margin(self.content_map),
        )


@dataclass(frozen=True)
class Origin:
    """`Origin` names the file that a picture was read from, if any, and the SHA-256 of its bytes."""

    path: Path | None
    sha256: str


@dataclass(frozen=True)
class HeldPicture:
    """`HeldPicture` stores a picture (1, 3, H, W), 0..255, in as little memory as loses nothing.

    ``values`` are bytes where they are whole numbers, as in most files until they are resampled, else
    float32.
    """

    values: Tensor

    @classmethod
    def of(cls, pixels: Tensor) -> "HeldPicture":
        """Store ``pixels`` (1, 3, H, W) float32."""
        return cls(pixels.to(torch.uint8) if _are_whole(pixels) else pixels)

    @property
    def pixels(self) -> Tensor:
        """The picture in float32, converted at every access if it is stored as bytes."""
        return self.values.to(torch.float32)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) in pixels."""
        return self.values.shape[-2], self.values.shape[-1]

    @property
    def nbytes(self) -> int:
        """The bytes that the picture occupies."""
        return self.values.nbytes


@dataclass(frozen=True)
class Sources:
    """`Sources` holds the pictures of a run by role, as they were read.

    ``size`` and ``style_size`` are the (height, width) that content and style will be brought to.
    ``takes_colours`` says whether the style will get the content's colours, ``proposes_maps`` whether maps
    will be proposed.
    """

    pictures: Mapping[str, Picture]
    size: tuple[int, int]
    style_size: tuple[int, int]
    takes_colours: bool = False
    proposes_maps: bool = False

    @property
    def has_maps(self) -> bool:
        """Whether the run is steered by semantic maps."""
        return self.proposes_maps or Role.CONTENT_MAP in self.pictures

    @cached_property
    def held_pictures(self) -> HeldPictures:
        """The memory that the run's pictures (:class:`HeldPicture`) will occupy at their sizes."""
        nbytes: dict[str, int] = {
            role: self._held_bytes(role) for role in _HELD_ROLES if role in self.pictures
        }
        transparent = [
            role
            for role in (Role.CONTENT, Role.STYLE)
            if role in self.pictures and self.pictures[role].alpha is not None
        ]
        return _held_pictures(nbytes, self.size, self.style_size, transparent)

    def _held_bytes(self, role: str) -> int:
        picture = self.pictures[role]
        height, width = self.style_size if role == Role.STYLE else self.size
        is_moved = self.takes_colours and role == Role.STYLE
        is_whole = not is_moved and picture.size == (height, width) and _are_whole(picture.pixels)
        return height * width * PIXEL_BYTES // (4 if is_whole else 1)


@dataclass(frozen=True)
class Inputs:
    """`Inputs` holds the pictures of a run at full size.

    - ``pictures``: by role: the style, the content (unless the run is a doodle, from a content map alone),
      and the picture to start from, where the settings name one.
    - ``semantics``: the labels of the maps. ``size``: the (height, width) of the result.
    - ``alpha``: (1, 1, H, W), 0..1, the content's transparency, which the result gets back.
    - ``style_alpha``: (1, 1, A, B), 0..1, the style's, of which transparent parts are not painted from.
    - ``origins``: by role, where each input came from. ``warnings``: sentences for the user.
    """

    pictures: Mapping[str, HeldPicture]
    semantics: Semantics | None
    size: tuple[int, int]
    alpha: Tensor | None
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]
    style_alpha: Tensor | None = None

    @property
    def content(self) -> Tensor | None:
        """The content (1, 3, H, W), float32, 0..255; ``None`` for a doodle."""
        return self.pictures[Role.CONTENT].pixels if Role.CONTENT in self.pictures else None

    @property
    def style(self) -> Tensor:
        """The style (1, 3, A, B), float32, 0..255."""
        return self.pictures[Role.STYLE].pixels

    @property
    def init(self) -> Tensor | None:
        """The picture to start from (1, 3, H, W), float32, 0..255, where the settings name one."""
        return self.pictures[Role.INIT].pixels if Role.INIT in self.pictures else None

    @cached_property
    def are_grey(self) -> bool:
        """Whether all pictures are grey, so that the result is to be grey."""
        return all_grey(picture.values for picture in self.pictures.values())

    @property
    def style_size(self) -> tuple[int, int]:
        """The (height, width) of the style."""
        return self.pictures[Role.STYLE].size

    @property
    def held_pictures(self) -> HeldPictures:
        """The memory that the pictures occupy."""
        nbytes = {role: picture.nbytes for role, picture in self.pictures.items()}
        alphas = {Role.CONTENT: self.alpha, Role.STYLE: self.style_alpha}
        transparent = [role for role, alpha in alphas.items() if alpha is not None]
        return _held_pictures(nbytes, self.size, self.style_size, transparent)

    def alpha_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the content's transparency (1, 1, h, w) at ``size``; ``None`` where it is opaque."""
        return _resized_alpha(self.alpha, size)

    def scaled(self, size: tuple[int, int], factor: float, device: torch.device) -> ScaledInputs:
        """Return the inputs on ``device`` at ``size``, which is ``factor`` times the result's."""
        height, width = self.style_size
        # A narrow style stops shrinking at the smallest side that holds patches, in both directions.
        factor = max(factor, min(1.0, SMALLEST_SIDE / min(height, width)))
        style_size = (round(height * factor), round(width * factor))
        content_map = style_map = None
        if self.semantics is not None:
            content_map = resize_labels(self.semantics.channels[0], size).to(device)
            style_map = resize_labels(self.semantics.channels[1], style_size).to(device)
        content, style_alpha = self.content, _resized_alpha(self.style_alpha, style_size)
        return ScaledInputs(
            content=None if content is None else resize(content, size, alpha=self.alpha).to(device),
            style=resize(self.style, style_size, alpha=self.style_alpha).to(device),
            content_map=content_map,
            style_map=style_map,
            style_alpha=None if style_alpha is None else style_alpha.to(device),
        )


def effective_settings(settings: Settings, content: PictureSource | None) -> Settings:
    """Return the settings that take effect: a doodle has no content to preserve or to start from."""
    if content is None:
        init = settings.init
        if init in ("content", "tinted", "voted"):
            are_chosen_by_maps = settings.semantic_weight > 0 and settings.local_weight > 0
            init = "voted" if are_chosen_by_maps else "noise"
        return settings.replace(content_weight=0.0, init=init)
    return settings


def read_sources(
    content: PictureSource | None,
    style: PictureSource,
    *,
    content_map: PictureSource | None,
    style_map: PictureSource | None,
    settings: Settings,
) -> Sources:
    """Read every picture of a run and compute its sizes; nothing is brought to size yet.

    Raises :class:`~glstylenet.errors.UsageError` for a map without its partner or beside proposed ones,
    :class:`~glstylenet.errors.ImageError` for pictures that cannot be used and
    :class:`~glstylenet.errors.MemoryLimitError` for those that need more memory than the run may use.
    """
    proposes_maps = settings.maps != "given"
    _check_roles(content, content_map, style_map, maps=settings.maps)
    sources = {
        Role.CONTENT: content,
        Role.STYLE: style,
        Role.CONTENT_MAP: content_map,
        Role.STYLE_MAP: style_map,
        Role.INIT: None if settings.init in INIT_CHOICES else settings.init,
    }
    pictures: dict[str, Picture] = {}
    for role, source in sources.items():
        if source is not None:
            pictures[role] = read_picture(
                source,
                max_pixels=settings.max_pixels,
                max_bytes=_memory_left(settings, pictures),
                longest_used=_longest_used(role, settings, pictures),
            )
    painted = pictures[Role.CONTENT] if content is not None else pictures[Role.CONTENT_MAP]
    size = fitted_size(painted.size, settings.size)
    style_size = style_size_at(pictures[Role.STYLE].size, size, settings.style_scale)
    for role, (height, width) in ((Role.CONTENT, size), (Role.STYLE, style_size)):
        if min(height, width) < SMALLEST_SIDE:
            raise ImageError(
                f"the {role} would be {width} x {height} pixels, and the smallest side a run "
                f"accepts is {SMALLEST_SIDE}; use a larger picture, --size or --style-scale"
            )
    takes_colours = settings.colours == "match" and content is not None
    return Sources(pictures, size, style_size, takes_colours, proposes_maps)


def read_result(picture: PictureSource, sources: Sources, settings: Settings) -> Picture:
    """Read a picture that is to be measured as a result of ``sources``.

    Raises :class:`~glstylenet.errors.InputError` if it has another size than a result has.
    """
    memory_left = _memory_left(settings, sources.pictures)
    result = read_picture(picture, max_pixels=settings.max_pixels, max_bytes=memory_left)
    if result.size != sources.size:
        raise InputError(
            f"{result.name} has {result.size[1]} x {result.size[0]} pixels, expected a result of "
            f"{sources.size[1]} x {sources.size[0]}; give a picture of that size, or --size"
        )
    return result


def prepare_inputs(sources: Sources, settings: Settings) -> Inputs:
    """Bring pictures and maps to their sizes.

    Raises :class:`~glstylenet.errors.SemanticMapError` for maps that do not fit, and
    :class:`~glstylenet.errors.ImageError` for a style that is transparent everywhere.
    """
    pictures, size = sources.pictures, sources.size
    semantics = _read_maps(sources, settings)
    warnings = [
        f"{picture.path or picture.name}: {note}" for picture in pictures.values() for note in picture.notes
    ]
    if semantics is not None:
        warnings.extend(semantics.warnings)
    sizes: dict[str, tuple[int, int]] = {
        role: sources.style_size if role == Role.STYLE else size for role in _HELD_ROLES
    }
    alphas = {
        role: _resized_alpha(picture.alpha, sizes[role])
        for role, picture in pictures.items()
        if role in (Role.CONTENT, Role.STYLE)
    }
    groups = SCHEMES[settings.scheme].groups
    check_opacity(alphas[Role.STYLE], [fused_size(sources.style_size, group) for group in groups])
    held = {
        role: HeldPicture.of(resize(picture.pixels, sizes[role], alpha=picture.alpha))
        for role, picture in pictures.items()
        if role in _HELD_ROLES
    }
    if sources.takes_colours:
        held[Role.STYLE] = _with_content_colours(held, semantics, alphas)
    return Inputs(
        pictures=held,
        semantics=semantics,
        size=size,
        alpha=alphas.get(Role.CONTENT),
        style_alpha=alphas[Role.STYLE],
        origins={role: Origin(picture.path, picture.sha256) for role, picture in pictures.items()},
        warnings=tuple(warnings),
    )


def _with_content_colours(
    held: Mapping[str, HeldPicture], semantics: Semantics | None, alphas: Mapping[str, Tensor | None]
) -> HeldPicture:
    """Return the style with the content's colours, class by class where there are maps."""
    content_map, style_map = (None, None) if semantics is None else semantics.channels
    moved = match_distribution(
        held[Role.STYLE].pixels,
        held[Role.CONTENT].pixels,
        picture_map=style_map,
        source_map=content_map,
        picture_alpha=alphas[Role.STYLE],
        source_alpha=alphas[Role.CONTENT],
    )
    return HeldPicture.of(moved)


def _longest_used(role: str, settings: Settings, pictures: Mapping[str, Picture]) -> int | None:
    """Return the longest side that the picture of ``role`` will be brought to, given those read before it.

    None where that is not known yet, and for maps, whose colours are looked at one by one.
    """
    longest = settings.size
    if longest is None and role != Role.CONTENT and Role.CONTENT in pictures:
        longest = max(pictures[Role.CONTENT].size)
    if longest is None or role in (Role.CONTENT_MAP, Role.STYLE_MAP):
        return None
    return math.ceil(longest * settings.style_scale) if role == Role.STYLE else longest


def _memory_left(settings: Settings, pictures: Mapping[str, Picture]) -> int | None:
    """Return the bytes of the setting ``memory`` that ``pictures``, already read, leave for another.

    None where the setting does not limit the memory of pictures: it is not given, or is that of a GPU.
    """
    on_gpu = choose_device(settings.device, settings.precision).torch_device.type != "cpu"
    if settings.memory is None or on_gpu:
        return None
    held = sum(
        picture.pixels.nbytes + (0 if picture.alpha is None else picture.alpha.nbytes)
        for picture in pictures.values()
    )
    return settings.memory - held


def _held_pictures(
    nbytes: Mapping[str, int],
    size: tuple[int, int],
    style_size: tuple[int, int],
    transparent: Collection[str],
) -> HeldPictures:
    """Sum the bytes of the pictures, given by role, and of those that are ``transparent``, their alpha."""
    alpha = _ALPHA_BYTES if Role.CONTENT in transparent else 0
    style_alpha = _ALPHA_BYTES if Role.STYLE in transparent else 0
    alphas = alpha * size[0] * size[1] + style_alpha * style_size[0] * style_size[1]
    return HeldPictures(
        nbytes=sum(nbytes.values()) + alphas,
        pixel_bytes=PIXEL_BYTES * sum(role != Role.STYLE for role in nbytes) + alpha,
        style_pixel_bytes=PIXEL_BYTES + style_alpha,
    )


def _resized_alpha(alpha: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    return None if alpha is None else resize(255.0 * alpha, size) / 255.0


def _are_whole(pixels: Tensor) -> bool:
    """Return whether every value is a whole number."""
    return all(bool((strip == strip.round()).all()) for strip in torch.split(pixels, _ROWS_AT_ONCE, dim=2))


def _check_roles(
    content: PictureSource | None,
    content_map: PictureSource | None,
    style_map: PictureSource | None,
    *,
    maps: str,
) -> None:
    proposes_maps = maps != "given"
    if proposes_maps and content is None:
        raise UsageError(
            f"a doodle has no content picture, and maps is {maps}: maps are proposed from two pictures. "
            "Give a content picture; or draw both maps, and leave maps at given"
        )
    if proposes_maps and (content_map is not None or style_map is not None):
        raise UsageError(
            f"got a map, and maps is {maps}: proposed maps would take its place. Leave the map out, or leave "
            "maps at given"
        )
    if (content_map is None) != (style_map is None):
        have, lack = ("content", "style") if style_map is None else ("style", "content")
        raise UsageError(
            f"got a {have} map but no {lack} map; maps steer which region is painted from which, so both "
            f"pictures need one: add --{lack}-map, or leave both out"
        )
    if content is None and content_map is None:
        raise UsageError("got no content; give a content picture, or a content map to paint from a doodle")


def style_size_at(own_size: tuple[int, int], size: tuple[int, int], style_scale: float) -> tuple[int, int]:
    """Return the size of the style: no longer than the result, so that strokes keep their proportion to it.

    A smaller style keeps its own pixels: enlarging would only blur its brushwork.

    >>> style_size_at((900, 1200), (400, 300), 1.0)
    (300, 400)
    >>> style_size_at((90, 120), (400, 300), 1.0)
    (90, 120)
    """
    longest = min(max(own_size), max(size))
    return fitted_size(own_size, max(1, round(longest * style_scale)))


def _read_maps(sources: Sources, settings: Settings) -> Semantics | None:
    if sources.proposes_maps:
        return _proposed_maps(sources, settings)
    if not sources.has_maps:
        return None
    pictures = sources.pictures
    content_map, style_map = pictures[Role.CONTENT_MAP], pictures[Role.STYLE_MAP]
    semantics = label_maps(
        [
            PictureMap(content_map.over_white, Role.CONTENT, pictures.get(Role.CONTENT, content_map).size),
            PictureMap(style_map.over_white, Role.STYLE, pictures[Role.STYLE].size),
        ],
        classes=settings.classes,
        strict=settings.strict,
    )
    # At their own size the channels of a large map would be the largest thing in memory.
    sizes = (sources.size, sources.style_size)
    resized = (resize_labels(each, size) for each, size in zip(semantics.channels, sizes, strict=True))
    return replace(semantics, channels=tuple(resized))


def _proposed_maps(sources: Sources, settings: Settings) -> Semantics:
    """Return maps proposed for the content and the style at their sizes; the paper draws its maps by hand."""
    sizes = {Role.CONTENT: sources.size, Role.STYLE: sources.style_size}
    pictures = [resize(sources.pictures[role].over_white, size) for role, size in sizes.items()]
    proposal = _propose(pictures, list(sizes), settings)
    maps = [
        PictureMap(proposal.picture(number), role, size) for number, (role, size) in enumerate(sizes.items())
    ]
    semantics = label_maps(maps, strict=settings.strict)
    return replace(semantics, warnings=(*proposal.notes, *semantics.warnings))


def _propose(pictures: list[Tensor], roles: list[str], settings: Settings) -> Proposal:
    if settings.maps == "portrait":
        return propose_portrait_maps(pictures, roles=roles, classes=settings.classes, seed=settings.seed)
    classes = settings.classes or DEFAULT_CLASSES
    return propose_maps(pictures, roles=roles, classes=classes, seed=settings.seed)
