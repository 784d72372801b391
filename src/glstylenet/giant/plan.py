"""Plan: what a giant run will be, known before anything is computed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace

from glstylenet.errors import UsageError
from glstylenet.giant.areas import SMALLEST_AREA
from glstylenet.giant.manifest import FORMAT, GiantOptions, Manifest, StoredStyle
from glstylenet.giant.size_context import areas_of, copies_strokes, style_tiles_of
from glstylenet.machine import choose_device, default_modes
from glstylenet.network import CONTENT_LAYER, LAYER_CHANNELS, layer_size, load_weights
from glstylenet.pictures import PictureSource, PictureStrips, fitted_size, open_strips
from glstylenet.pyramid import SCHEMES
from glstylenet.run import (
    ALGORITHM_VERSION,
    SMALLEST_SIDE,
    GivenStyle,
    Identity,
    Style,
    given_styles,
    style_size_at,
)
from glstylenet.settings import QUALITIES, Role, Settings, style_map_role, style_role

__all__ = [
    "needed_disk",
    "needs_whole_picture",
    "plan_giant",
    "prepared",
    "sizes_of",
    "small_style_warnings",
]

_BY_AREAS: Mapping[str, str | bool] = {
    "colours": "style",
    "finish": "none",
    "maps": "given",
    "soft_maps": False,
}
"""Settings that need the whole picture at once, with the only value that does not."""

_CANVAS_BYTES = 12
"""Bytes of a pixel of the canvas: three colours of float32."""

_MOST_LENGTHS = 4.0
"""How many times as long as a style a result of its shape may be; longer ones are warned of."""

_LARGEST_SCALE = 8.0
"""The largest ``style_scale`` there is."""


@default_modes()
def plan_giant(
    content: PictureSource,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    options: GiantOptions | None = None,
) -> Manifest:
    """Return what :func:`paint_giant` would do, without computing or writing anything.

    Raises what :func:`paint_giant` would raise before it computes, but for what concerns its store.
    """
    styles, _ = given_styles(style, style_map)
    with prepared(
        content,
        styles,
        content_map=content_map,
        settings=settings,
        options=options,
    ) as (manifest, _pictures):
        return manifest


def needs_whole_picture(settings: Settings) -> str | None:
    """Return the name of a setting with which a picture cannot be painted by areas, ``None`` if none has.

    >>> needs_whole_picture(Settings(colours="keep"))
    'colours'
    """
    return next((name for name, only in _BY_AREAS.items() if getattr(settings, name) != only), None)


def sizes_of(size: tuple[int, int], coarse_pixels: int) -> list[tuple[int, int]]:
    """Return the sizes of a giant run whose result has ``size`` (height, width), from coarse to fine.

    >>> sizes_of((6000, 8000), 4_000_000)
    [(1500, 2000), (3000, 4000), (6000, 8000)]
    """
    halvings = 0
    while (
        math.prod(size) / 4**halvings > coarse_pixels and min(size) * 0.5 ** (halvings + 1) >= SMALLEST_SIDE
    ):
        halvings += 1
    longest = max(size)
    return [fitted_size(size, max(1, round(longest * 0.5**step))) for step in range(halvings, -1, -1)]


def needed_disk(manifest: Manifest) -> int:
    """Return the bytes that a run's store will occupy at most."""
    painted = [
        sum(math.prod(area.painted.size) for area in areas_of(manifest, number))
        for number in range(len(manifest.sizes))
    ]
    last, before = painted[-1], painted[-2] if len(painted) > 1 else 0
    # Two states of the last size, one of the size before, and an eighth for matches and sums; content and
    # style, in bytes where nothing is lost by it, which is known when they are read.
    style_pixels = sum(math.prod(style.size) for style in manifest.styles)
    inputs = _CANVAS_BYTES * (math.prod(manifest.sizes[-1]) + style_pixels)
    pictures = int(1.125 * (2 * _CANVAS_BYTES * last + _CANVAS_BYTES * before))
    return pictures + inputs + _content_bytes(manifest) + _style_bytes(manifest)


def _content_bytes(manifest: Manifest) -> int:
    """Return the bytes of F^4 of the content at the last size."""
    settings = Settings(**manifest.settings)
    if len(manifest.sizes) == 1 or not manifest.evaluations or not settings.content_weight:
        return 0
    positions = math.prod(layer_size(manifest.sizes[-1], CONTENT_LAYER))
    return _entry_bytes(settings) * LAYER_CHANNELS[CONTENT_LAYER] * positions


def _style_bytes(manifest: Manifest) -> int:
    """Return the bytes of the styles' features and pixels at the last size, by tiles and once more joined.

    Where strokes are copied, there is the last feature of a softer style, too.
    """
    if len(manifest.sizes) == 1 or not style_tiles_of(manifest, len(manifest.sizes) - 1):
        return 0
    settings = Settings(**manifest.settings)
    total = 0
    for style in manifest.styles:
        shapes = SCHEMES[settings.scheme].shapes(style.size)
        soft = shapes[-1:] if copies_strokes(settings) else []
        total += _entry_bytes(settings) * sum(map(math.prod, (*shapes, *soft)))
        total += _CANVAS_BYTES * math.prod(style.size)
    return 2 * total


def _entry_bytes(settings: Settings) -> int:
    """Return the bytes of a feature's number."""
    return choose_device(settings.device, settings.precision).dtype.itemsize


@contextmanager
def prepared(
    content: PictureSource,
    styles: Mapping[int, Style],
    *,
    content_map: PictureSource | None,
    settings: Settings | None,
    options: GiantOptions | None,
) -> Iterator[tuple[Manifest, dict[str, PictureStrips]]]:
    """Open the pictures; yield what the run will be, and the pictures, of which no pixel is read yet."""
    settings, options = settings or Settings(), options or GiantOptions()
    _refuse_settings(settings, options)
    maps: dict[str, PictureSource | None] = {Role.CONTENT_MAP: content_map}
    maps |= {style_map_role(number): style.map for number, style in styles.items()}
    with ExitStack() as stack:

        def opened(source: PictureSource) -> PictureStrips:
            return stack.enter_context(open_strips(source, max_pixels=settings.max_pixels))

        pictures: dict[str, PictureStrips] = {Role.CONTENT: opened(content)}
        pictures |= {style_role(number): opened(style.picture) for number, style in styles.items()}
        digests: dict[str, str] = {role: picture.sha256 for role, picture in pictures.items()}
        digests |= {role: opened(source).sha256 for role, source in maps.items() if source is not None}
        yield _manifest(pictures, styles, digests, settings, options), pictures


def _manifest(
    pictures: Mapping[str, PictureStrips],
    styles: Mapping[int, Style],
    digests: Mapping[str, str],
    settings: Settings,
    options: GiantOptions,
) -> Manifest:
    size = fitted_size(pictures[Role.CONTENT].size, settings.size)
    stored = [
        StoredStyle(
            role,
            pictures[role].size,
            style_size_at(pictures[role].size, size, settings.style_scale),
            style.weight,
            tuple(style.regions),
        )
        for role, style in ((style_role(number), style) for number, style in styles.items())
    ]
    _refuse_uneven_styles(stored, size, settings)
    device = choose_device(settings.device, settings.precision)
    settings = settings.replace(precision=device.precision)
    words = tuple(
        " ".join([f"weight {style.weight:g}", *(f"class {each}" for each in style.regions)])
        for style in stored
    )
    weights = load_weights(settings.weights).digest
    identity = Identity.of_parts(settings, digests, weights, words if len(words) > 1 else ())
    # A checkpoint holds the version of the numerics in its header; a store has nothing but this.
    decisive = {**identity.settings, **asdict(options), "algorithm_version": ALGORITHM_VERSION}
    identity = replace(identity, settings=decisive)
    evaluations = options.evaluations
    if evaluations is None:
        evaluations = math.ceil(QUALITIES[settings.quality].full / options.sweeps)
    return Manifest(
        identity=identity,
        sizes=sizes_of(size, options.coarse_pixels),
        styles=stored,
        options=options,
        evaluations=evaluations,
        settings=settings.model_dump(mode="json"),
        format=FORMAT,
    )


def _refuse_uneven_styles(styles: Sequence[StoredStyle], size: tuple[int, int], settings: Settings) -> None:
    """Raise :class:`~glstylenet.errors.UsageError` for styles that the coarse part cannot enlarge alike."""
    lengths = {max(style.size) for style in styles}
    if len(lengths) > 1 and max(lengths) > max(size):
        found = " and ".join(f"{length} pixels" for length in (min(lengths), max(lengths)))
        raise UsageError(
            f"style_scale is {settings.style_scale:g}, and the styles would be painted from {found} a side; "
            f"enlarged styles of a giant picture must be equally long. Give style_scale 1, or pictures at "
            f"least as long as the result"
        )


def small_style_warnings(manifest: Manifest) -> list[str]:
    """Return what to say of each style that is much smaller than the result.

    At the coarse sizes nothing would be left of it, and the result would be filled with small copies of it.
    """
    said = (_small_style_warning(manifest, style) for style in manifest.styles)
    return [warning for warning in said if warning is not None]


def _small_style_warning(manifest: Manifest, style: StoredStyle) -> str | None:
    (height, width), (style_height, style_width) = manifest.sizes[-1], style.size
    lengths = math.sqrt(height * width / (style_height * style_width))
    if lengths <= _MOST_LENGTHS:
        return None
    scale = Settings(**manifest.settings).style_scale
    enough = min(2.0 ** math.ceil(math.log2(scale * lengths / _MOST_LENGTHS)), _LARGEST_SCALE)
    remedy = f", or --style-scale {enough:g}, whose strokes are larger and softer" if enough > scale else ""
    return (
        f"the {style.name} is painted from {style_width} x {style_height} pixels, much fewer than the "
        f"result's {width} x {height}: its strokes will be small, and its forms will repeat; give a larger "
        f"picture of it{remedy}"
    )


def _refuse_settings(settings: Settings, options: GiantOptions) -> None:
    if options.area < SMALLEST_AREA:
        raise UsageError(f"the area is {options.area} pixels a side, expected at least {SMALLEST_AREA}")
    if options.sweeps < 1:
        raise UsageError(f"got {options.sweeps} sweeps, expected at least 1")
    name = needs_whole_picture(settings)
    if name is not None:
        raise UsageError(
            f"{name} is {getattr(settings, name)}, which needs the whole picture at once; a giant "
            f"picture is painted by areas, so leave {name} at {_BY_AREAS[name]}"
        )
    if settings.iterations is not None:
        raise UsageError(
            "iterations counts the evaluations of a run that is painted whole; choose a quality instead"
        )
