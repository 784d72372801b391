"""The inputs of a run: its pictures and maps, read, checked, and brought to size together."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from glstylenet.errors import ImageError, InputError, UsageError
from glstylenet.machine import choose_device
from glstylenet.maps import PictureMap, Semantics, bind_classes, bound_warnings, label_maps, resize_labels
from glstylenet.memory import PIXEL_BYTES, HeldPictures
from glstylenet.objective import StyleGuide, check_opacity
from glstylenet.pictures import Picture, PictureSource, fitted_size, match_distribution, read_picture, resize
from glstylenet.proposals import DEFAULT_CLASSES, Proposal, propose_maps, propose_portrait_maps
from glstylenet.pyramid import SCHEMES, fused_size
from glstylenet.run.canvas import with_margin
from glstylenet.run.grey import all_grey
from glstylenet.run.scales import SMALLEST_SIDE
from glstylenet.run.styles import GivenStyle, given_styles
from glstylenet.settings import INIT_CHOICES, Role, Settings, style_map_role, style_role

__all__ = [
    "HeldPicture",
    "Inputs",
    "Origin",
    "ScaledInputs",
    "SourceStyle",
    "Sources",
    "StyleInput",
    "effective_settings",
    "prepare_inputs",
    "read_result",
    "read_sources",
    "style_size_at",
]

_ROWS_AT_ONCE = 256
"""Rows that are compared at a time, so that a large picture needs no large temporary."""


_ALPHA_BYTES = 4
"""Bytes of a pixel's transparency, one channel of float32."""


@dataclass(frozen=True)
class ScaledInputs:
    """`ScaledInputs` holds what an objective needs at one size: pictures (1, 3, h, w), maps (1, K, h, w)."""

    content: Tensor | None
    content_map: Tensor | None
    styles: tuple[StyleGuide, ...]

    @property
    def style(self) -> Tensor:
        """The first style (1, 3, a, b)."""
        return self.styles[0].picture

    @property
    def style_map(self) -> Tensor | None:
        """The class channels (1, K, a, b) of the first style, if it has a map."""
        return self.styles[0].class_channels

    @property
    def style_alpha(self) -> Tensor | None:
        """How opaque the first style is, (1, 1, a, b), 0..1; ``None`` where it is opaque."""
        return self.styles[0].alpha

    def on_canvas(self) -> "ScaledInputs":
        """Return a copy with a margin around the content and its map; the styles are not painted on."""
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
class SourceStyle:
    """`SourceStyle` is one style of a run, whose picture and map have the roles ``role`` and ``map_role``.

    ``size`` is the (height, width) that it will be brought to. ``weight`` and ``regions`` are those of
    :class:`~glstylenet.run.styles.Style`.
    """

    role: str
    map_role: str
    size: tuple[int, int]
    weight: float = 1.0
    regions: tuple[str | int, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it, such as "style 2"."""
        return _words(self.role)


@dataclass(frozen=True)
class Sources:
    """`Sources` holds the pictures of a run by role, as they were read.

    ``size`` is the (height, width) that the content will be brought to. ``takes_colours`` says whether the
    styles will get the content's colours, ``proposes_maps`` whether maps will be proposed. ``notes`` are
    sentences for the user.
    """

    pictures: Mapping[str, Picture]
    size: tuple[int, int]
    styles: tuple[SourceStyle, ...]
    takes_colours: bool = False
    proposes_maps: bool = False
    notes: tuple[str, ...] = ()

    @property
    def style_size(self) -> tuple[int, int]:
        """The (height, width) that the first style will be brought to."""
        return self.styles[0].size

    @property
    def has_maps(self) -> bool:
        """Whether the run is steered by semantic maps."""
        return self.proposes_maps or Role.CONTENT_MAP in self.pictures

    @cached_property
    def held_pictures(self) -> HeldPictures:
        """The memory that the run's pictures (:class:`HeldPicture`) will occupy at their sizes."""
        sizes = _held_sizes(self.size, self.styles)
        nbytes = {role: self._held_bytes(role, size) for role, size in sizes.items() if role in self.pictures}
        transparent = [role for role in nbytes if role != Role.INIT and self.pictures[role].alpha is not None]
        return _held_pictures(nbytes, sizes, transparent)

    def _held_bytes(self, role: str, size: tuple[int, int]) -> int:
        picture, (height, width) = self.pictures[role], size
        is_moved = self.takes_colours and role not in (Role.CONTENT, Role.INIT)
        is_whole = not is_moved and picture.size == (height, width) and _are_whole(picture.pixels)
        return height * width * PIXEL_BYTES // (4 if is_whole else 1)


@dataclass(frozen=True)
class StyleInput:
    """`StyleInput` is one style of a run, whose picture has the role ``role``.

    ``alpha`` (1, 1, A, B), 0..1: how opaque it is, ``None`` where it is so everywhere; transparent parts are
    not painted from. ``channels`` (1, K, A, B): its class channels, ``None`` without a map. ``weight``:
    relative to the other styles'. ``classes``: the numbers of those that are painted from it alone.
    """

    role: str
    size: tuple[int, int]
    alpha: Tensor | None = None
    channels: Tensor | None = None
    weight: float = 1.0
    classes: frozenset[int] = frozenset()

    def size_at(self, factor: float) -> tuple[int, int]:
        """Return its (height, width) where the result has ``factor`` times its size.

        A narrow style stops shrinking at the smallest side that holds patches, in both directions.
        """
        height, width = self.size
        factor = max(factor, min(1.0, SMALLEST_SIDE / min(height, width)))
        return round(height * factor), round(width * factor)


@dataclass(frozen=True)
class Inputs:
    """`Inputs` holds the pictures of a run at full size.

    - ``pictures``: by role: the styles, the content (unless the run is a doodle, from a content map alone),
      and the picture to start from, where the settings name one.
    - ``styles``: what is known of each style.
    - ``semantics``: the labels of the maps. ``size``: the (height, width) of the result.
    - ``alpha``: (1, 1, H, W), 0..1, the content's transparency, which the result gets back.
    - ``origins``: by role, where each input came from. ``warnings``: sentences for the user.
    """

    pictures: Mapping[str, HeldPicture]
    semantics: Semantics | None
    size: tuple[int, int]
    alpha: Tensor | None
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]
    styles: tuple[StyleInput, ...]

    @property
    def content(self) -> Tensor | None:
        """The content (1, 3, H, W), float32, 0..255; ``None`` for a doodle."""
        return self.pictures[Role.CONTENT].pixels if Role.CONTENT in self.pictures else None

    @property
    def style(self) -> Tensor:
        """The first style (1, 3, A, B), float32, 0..255."""
        return self.pictures[Role.STYLE].pixels

    @property
    def style_alpha(self) -> Tensor | None:
        """How opaque the first style is, (1, 1, A, B), 0..1; ``None`` where it is so everywhere."""
        return self.styles[0].alpha

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
        """The (height, width) of the first style."""
        return self.styles[0].size

    @property
    def held_pictures(self) -> HeldPictures:
        """The memory that the pictures occupy."""
        nbytes = {role: picture.nbytes for role, picture in self.pictures.items()}
        alphas = {Role.CONTENT.value: self.alpha, **{style.role: style.alpha for style in self.styles}}
        transparent = [role for role, alpha in alphas.items() if alpha is not None]
        return _held_pictures(nbytes, _held_sizes(self.size, self.styles), transparent)

    def alpha_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return the content's transparency (1, 1, h, w) at ``size``; ``None`` where it is opaque."""
        return _resized_alpha(self.alpha, size)

    def scaled(self, size: tuple[int, int], factor: float, device: torch.device) -> ScaledInputs:
        """Return the inputs on ``device`` at ``size``, which is ``factor`` times the result's."""
        content, content_map = self.content, None
        if self.semantics is not None:
            content_map = resize_labels(self.semantics.channels[0], size).to(device)
        return ScaledInputs(
            content=None if content is None else resize(content, size, alpha=self.alpha).to(device),
            content_map=content_map,
            styles=tuple(self._scaled_style(style, style.size_at(factor), device) for style in self.styles),
        )

    def _scaled_style(self, style: StyleInput, size: tuple[int, int], device: torch.device) -> StyleGuide:
        """Return ``style`` on ``device`` at ``size``."""
        alpha = _resized_alpha(style.alpha, size)
        return StyleGuide(
            resize(self.pictures[style.role].pixels, size, alpha=style.alpha).to(device),
            None if style.channels is None else resize_labels(style.channels, size).to(device),
            style.weight,
            None if alpha is None else alpha.to(device),
            style.classes,
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
    style: GivenStyle,
    *,
    content_map: PictureSource | None,
    style_map: PictureSource | None,
    settings: Settings,
) -> Sources:
    """Read every picture of a run and compute its sizes; nothing is brought to size yet.

    Raises :class:`~glstylenet.errors.UsageError` for a map without its partner or beside proposed ones and
    for styles that cannot be (:func:`~glstylenet.run.styles.given_styles`),
    :class:`~glstylenet.errors.ImageError` for pictures that cannot be used and
    :class:`~glstylenet.errors.MemoryLimitError` for those that need more memory than the run may use.
    """
    proposes_maps = settings.maps != "given"
    numbered, notes = given_styles(style, style_map)
    styles = list(numbered.values())
    style_maps = [each.map for each in styles if each.map is not None]
    _check_roles(
        content,
        content_map,
        style_maps,
        maps=settings.maps,
        binds_classes=any(each.regions for each in styles),
    )
    first, *further = styles
    sources: dict[str, PictureSource | None] = {
        Role.CONTENT: content,
        Role.STYLE: first.picture,
        Role.CONTENT_MAP: content_map,
        Role.STYLE_MAP: first.map,
    }
    for number, each in enumerate(further, start=2):
        sources |= {style_role(number): each.picture, style_map_role(number): each.map}
    sources[Role.INIT] = None if settings.init in INIT_CHOICES else settings.init
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
    source_styles = tuple(
        SourceStyle(
            style_role(number),
            style_map_role(number),
            style_size_at(pictures[style_role(number)].size, size, settings.style_scale),
            each.weight,
            tuple(each.regions),
        )
        for number, each in enumerate(styles, start=1)
    )
    for name, (height, width) in ((Role.CONTENT, size), *((each.name, each.size) for each in source_styles)):
        if min(height, width) < SMALLEST_SIDE:
            raise ImageError(
                f"the {name} would be {width} x {height} pixels, and the smallest side a run "
                f"accepts is {SMALLEST_SIDE}; use a larger picture, --size or --style-scale"
            )
    takes_colours = settings.colours == "match" and content is not None
    return Sources(pictures, size, source_styles, takes_colours, proposes_maps, tuple(notes))


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

    Raises :class:`~glstylenet.errors.SemanticMapError` for maps that do not fit,
    :class:`~glstylenet.errors.UsageError` for a class that is not in them, and
    :class:`~glstylenet.errors.ImageError` for a style that is transparent everywhere.
    """
    pictures = sources.pictures
    semantics = _read_maps(sources, settings)
    warnings = [
        f"{picture.path or picture.name}: {note}" for picture in pictures.values() for note in picture.notes
    ]
    warnings.extend(sources.notes)
    if semantics is not None:
        warnings.extend(semantics.warnings)
    sizes = _held_sizes(sources.size, sources.styles)
    alphas = {
        role: _resized_alpha(pictures[role].alpha, size)
        for role, size in sizes.items()
        if role in pictures and role != Role.INIT
    }
    groups = SCHEMES[settings.scheme].groups
    for style in sources.styles:
        check_opacity(
            alphas[style.role], [fused_size(style.size, group) for group in groups], name=style.name
        )
    styles = _style_inputs(sources, semantics, alphas)
    if semantics is not None:
        bound = {each.name: style.classes for each, style in zip(sources.styles, styles, strict=True)}
        warnings.extend(bound_warnings(semantics, bound))
    held = {
        role: HeldPicture.of(resize(pictures[role].pixels, size, alpha=pictures[role].alpha))
        for role, size in sizes.items()
        if role in pictures
    }
    if sources.takes_colours:
        content, content_alpha = held[Role.CONTENT].pixels, alphas[Role.CONTENT]
        for each in styles:
            held[each.role] = _with_content_colours(
                held[each.role].pixels,
                each,
                content,
                content_alpha=content_alpha,
                semantics=semantics,
                styles=styles,
            )
    return Inputs(
        pictures=held,
        semantics=semantics,
        size=sources.size,
        alpha=alphas.get(Role.CONTENT),
        origins={role: Origin(picture.path, picture.sha256) for role, picture in pictures.items()},
        warnings=tuple(warnings),
        styles=styles,
    )


def _style_inputs(
    sources: Sources, semantics: Semantics | None, alphas: Mapping[str, Tensor | None]
) -> tuple[StyleInput, ...]:
    """Return the styles of ``sources`` with their channels and classes."""
    bound = {}
    if semantics is not None:  # as _check_roles requires where a style has classes of its own
        bound = bind_classes(semantics.classes, {each.name: each.regions for each in sources.styles})
    # All classes of a single style are painted from it anyway.
    is_only = len(sources.styles) == 1
    return tuple(
        StyleInput(
            role=style.role,
            size=style.size,
            alpha=alphas[style.role],
            channels=None if semantics is None else semantics.channels_of(style.name),
            weight=style.weight,
            classes=frozenset() if is_only else bound.get(style.name, frozenset()),
        )
        for style in sources.styles
    )


def _with_content_colours(
    picture: Tensor,
    style: StyleInput,
    content: Tensor,
    *,
    content_alpha: Tensor | None,
    semantics: Semantics | None,
    styles: Sequence[StyleInput],
) -> HeldPicture:
    """Return the ``picture`` of a style with the content's colours, class by class where it has a map.

    A style without a map gets the colours of the classes that are painted from it.
    """
    content_map = None if semantics is None else semantics.channels[0]
    if content_map is not None and style.channels is None:
        others = {number for each in styles if each is not style for number in each.classes}
        of_all = range(content_map.shape[1]) if style.weight > 0 else style.classes
        shares = content_map[:, [number for number in of_all if number not in others]].sum(1, keepdim=True)
        if float(shares.sum()) >= 1:
            content_alpha = shares if content_alpha is None else shares * content_alpha
    moved = match_distribution(
        picture,
        content,
        picture_map=style.channels,
        source_map=content_map,
        picture_alpha=style.alpha,
        source_alpha=content_alpha,
    )
    return HeldPicture.of(moved)


def _longest_used(role: str, settings: Settings, pictures: Mapping[str, Picture]) -> int | None:
    """Return the longest side that the picture of ``role`` will be brought to, given those read before it.

    None where that is not known yet, and for maps, whose colours are looked at one by one.
    """
    longest = settings.size
    if longest is None and role != Role.CONTENT and Role.CONTENT in pictures:
        longest = max(pictures[Role.CONTENT].size)
    if longest is None or role == Role.CONTENT_MAP or role.startswith(Role.STYLE_MAP):
        return None
    return math.ceil(longest * settings.style_scale) if role.startswith(Role.STYLE) else longest


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


def _held_sizes(
    size: tuple[int, int], styles: Sequence[SourceStyle | StyleInput]
) -> dict[str, tuple[int, int]]:
    """Return the (height, width) of the pictures that a run may hold, by role; maps become labels."""
    of_styles = {style.role: style.size for style in styles}
    return {Role.CONTENT.value: size, **of_styles, Role.INIT.value: size}


def _held_pictures(
    nbytes: Mapping[str, int], sizes: Mapping[str, tuple[int, int]], transparent: Collection[str]
) -> HeldPictures:
    """Sum the bytes of the pictures, given by role, and of those that are ``transparent``, their alpha."""
    alphas = dict.fromkeys(transparent, _ALPHA_BYTES)
    painted = [role for role in nbytes if role in (Role.CONTENT, Role.INIT)]
    of_styles = [alphas.get(role, 0) for role in nbytes if role not in painted]
    return HeldPictures(
        nbytes=sum(nbytes.values()) + sum(each * math.prod(sizes[role]) for role, each in alphas.items()),
        pixel_bytes=PIXEL_BYTES * len(painted) + alphas.get(Role.CONTENT, 0),
        style_pixel_bytes=PIXEL_BYTES + max(of_styles),
    )


def _resized_alpha(alpha: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    return None if alpha is None else resize(255.0 * alpha, size) / 255.0


def _are_whole(pixels: Tensor) -> bool:
    """Return whether every value is a whole number."""
    return all(bool((strip == strip.round()).all()) for strip in torch.split(pixels, _ROWS_AT_ONCE, dim=2))


def _check_roles(
    content: PictureSource | None,
    content_map: PictureSource | None,
    style_maps: Sequence[PictureSource],
    *,
    maps: str,
    binds_classes: bool,
) -> None:
    proposes_maps = maps != "given"
    if proposes_maps and content is None:
        raise UsageError(
            f"a doodle has no content picture, and maps is {maps}: maps are proposed from two pictures. "
            "Give a content picture; or draw both maps, and leave maps at given"
        )
    if proposes_maps and (content_map is not None or style_maps):
        raise UsageError(
            f"got a map, and maps is {maps}: proposed maps would take its place. Leave the map out, or leave "
            "maps at given"
        )
    if binds_classes and content_map is None and not proposes_maps:
        raise UsageError(
            "a class is to be painted from one style, and there is no content map that says where it is; add "
            "one, or leave the classes out"
        )
    # A class that is bound to a style needs no style's map.
    if (content_map is None) != (not style_maps) and not (binds_classes and content_map is not None):
        have, lack = ("content", "style") if not style_maps else ("style", "content")
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
    content_map = pictures[Role.CONTENT_MAP]
    mapped = [style for style in sources.styles if style.map_role in pictures]
    semantics = label_maps(
        [
            PictureMap(content_map.over_white, Role.CONTENT, pictures.get(Role.CONTENT, content_map).size),
            *(
                PictureMap(pictures[style.map_role].over_white, style.name, pictures[style.role].size)
                for style in mapped
            ),
        ],
        classes=settings.classes,
        strict=settings.strict,
        soft=settings.soft_maps,
        bound=_bound_words(sources),
    )
    # At their own size the channels of a large map would be the largest thing in memory.
    sizes = (sources.size, *(style.size for style in mapped))
    resized = (resize_labels(each, size) for each, size in zip(semantics.channels, sizes, strict=True))
    return replace(semantics, channels=tuple(resized))


def _proposed_maps(sources: Sources, settings: Settings) -> Semantics:
    """Return maps proposed for the content and the styles at their sizes; the paper draws maps by hand."""
    sizes = {Role.CONTENT.value: sources.size, **{style.name: style.size for style in sources.styles}}
    roles = (Role.CONTENT, *(style.role for style in sources.styles))
    pictures = [
        resize(sources.pictures[role].over_white, size)
        for role, size in zip(roles, sizes.values(), strict=True)
    ]
    proposal = _propose(pictures, list(sizes), settings)
    maps = [
        PictureMap(proposal.picture(number), role, size) for number, (role, size) in enumerate(sizes.items())
    ]
    semantics = label_maps(maps, strict=settings.strict, bound=_bound_words(sources))
    return replace(semantics, warnings=(*proposal.notes, *semantics.warnings))


def _bound_words(sources: Sources) -> list[str | int]:
    return [word for style in sources.styles for word in style.regions]


def _words(role: str) -> str:
    return role.replace("_", " ")


def _propose(pictures: list[Tensor], roles: list[str], settings: Settings) -> Proposal:
    if settings.maps == "portrait":
        return propose_portrait_maps(pictures, roles=roles, classes=settings.classes, seed=settings.seed)
    classes = settings.classes or DEFAULT_CLASSES
    return propose_maps(pictures, roles=roles, classes=classes, seed=settings.seed)
