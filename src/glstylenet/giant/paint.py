"""The loop of a giant run: the coarse part whole, as any run, and from there on every size area by area."""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glstylenet.errors import InputError, MemoryLimitError, OutputError, UsageError
from glstylenet.files import remove_strays
from glstylenet.giant.areas import COLOURS, SMALLEST_AREA
from glstylenet.giant.manifest import (
    COARSE,
    GiantOptions,
    Manifest,
    StoredStyle,
    read_manifest,
    write_manifest,
)
from glstylenet.giant.progress import Progress
from glstylenet.giant.size_context import (
    SizeContext,
    areas_of,
    copies_strokes,
    size_context,
    style_tiles_of,
)
from glstylenet.giant.steps import (
    Part,
    Step,
    is_done,
    last_generation,
    run_part,
    steps_of,
    total_losses,
)
from glstylenet.giant.store import Store
from glstylenet.machine import choose_device, default_modes
from glstylenet.memory import format_bytes
from glstylenet.network import load_weights
from glstylenet.numerics import Rect
from glstylenet.objective import LossTerms
from glstylenet.pictures import PictureSource, PictureStrips, fitted_size, open_strips
from glstylenet.pyramid import SCHEMES
from glstylenet.run import (
    ALGORITHM_VERSION,
    MARGIN,
    SMALLEST_SIDE,
    Event,
    GivenStyle,
    Identity,
    Result,
    Started,
    Style,
    Warned,
    checkpoint_file,
    given_styles,
    plan_run,
    style_size_at,
    stylize,
    with_margin,
)
from glstylenet.settings import QUALITIES, Role, Settings, style_map_role, style_role

__all__ = [
    "GiantPicture",
    "PartsDone",
    "RunParts",
    "coarse_settings",
    "needed_disk",
    "needs_whole_picture",
    "paint_giant",
    "plan_coarse",
    "plan_giant",
    "run_here",
    "sizes_of",
    "small_style_warnings",
]

RunParts = Callable[[Sequence[Part]], Iterable[Part]]
"""Runs parts of a step in any order, and yields each that is done."""

_BY_AREAS: Mapping[str, str | bool] = {
    "colours": "style",
    "finish": "none",
    "maps": "given",
    "soft_maps": False,
}
"""Settings that need the whole picture at once, with the only value that does not."""

_CANVAS_BYTES = 12
"""Bytes of a pixel of the canvas: three colours of float32."""

_MAP_PIXELS = 16
"""Pixels of a map for each of the coarse part's picture from which on it is sampled and not read whole."""

_MOST_LENGTHS = 4.0
"""How many times as long as a style a result of its shape may be; longer ones are warned of."""

_LARGEST_SCALE = 8.0
"""The largest ``style_scale`` there is."""


@dataclass(frozen=True)
class PartsDone:
    """`PartsDone` says that ``done`` of ``parts`` areas of a step are done, at size ``size`` of ``sizes``.

    ``seconds_left``: an estimate for the rest of the run; ``None`` as long as nothing is known.
    ``megapixels_a_minute``: how fast the picture is gone over in this step.
    """

    size: int
    sizes: int
    step: str
    done: int
    parts: int
    seconds_left: float | None = field(default=None, compare=False)
    megapixels_a_minute: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class GiantPicture:
    """`GiantPicture` is a painted picture in its store; it is read by rectangles.

    ``size``: its (height, width). ``losses``: its terms, in the precision of the run, with fresh matches.
    ``sweep_losses``: the objective at the last size before each sweep, and at the end.
    """

    manifest: Manifest
    size: tuple[int, int]
    losses: LossTerms
    sweep_losses: Sequence[float]
    _context: SizeContext

    def read(self, window: Rect) -> Tensor:
        """Return the pixels (1, 3, h, w), 0..255, in ``window``."""
        on_canvas = Rect(
            window.top + MARGIN, window.left + MARGIN, window.bottom + MARGIN, window.right + MARGIN
        )
        return self._context.read_canvas(on_canvas, last_generation(self._context) + 1)


def run_here(parts: Sequence[Part]) -> Iterable[Part]:
    """Run parts one after another in this process."""
    for part in parts:
        run_part(part)
        yield part


@default_modes()
def paint_giant(
    content: PictureSource,
    style: GivenStyle,
    *,
    store: Path,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
    settings: Settings | None = None,
    options: GiantOptions | None = None,
    resume: bool = False,
    run_parts: RunParts = run_here,
    on_event: Callable[[Event | PartsDone], None] = lambda _event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> GiantPicture | None:
    """Paint ``content`` with the brushwork of ``style`` area by area; the picture stays in ``store``.

    ``style`` may be a list of :class:`~glstylenet.Style`, as :func:`~glstylenet.stylize` takes it.
    ``store`` is a folder for everything that the run holds; it is made if only its last part is missing. With
    ``resume`` it is one of the same run, which is continued to the same picture. ``run_parts`` runs the areas
    of a step, by default here one after another. ``should_stop`` is called after every area, and True ends
    the run; ``None`` is returned, and the store can be resumed.

    Raises the errors of :mod:`glstylenet.errors`: :class:`~glstylenet.errors.UsageError` for settings that
    no giant run has, :class:`~glstylenet.errors.InputError` for a store of another run, and
    :class:`~glstylenet.errors.OutputError` where the disk has no room. Where an area does not fit into
    memory, its size begins anew once in areas of half the side; if that is not enough,
    :class:`~glstylenet.errors.MemoryLimitError`.
    """
    folder = Path(store)
    styles, notes = given_styles(style, style_map)
    with _prepared(
        content,
        styles,
        content_map=content_map,
        settings=settings or Settings(),
        options=options or GiantOptions(),
    ) as (planned, pictures):
        manifest = _open(folder, planned, resume=resume)
        if manifest is None:
            manifest = planned
            _check_room(folder, manifest)
            _write_pictures(folder, pictures, manifest)
            write_manifest(folder, manifest)
            for role, picture in pictures.items():
                notes.extend(_warnings(role, picture))
            for warning in (*notes, *small_style_warnings(manifest)):
                on_event(Warned(warning))
    run = _Run(folder, manifest, run_parts, on_event, should_stop)
    if COARSE not in manifest.done and not run.paint_coarse(content_map, styles.values()):
        return None
    for number in range(1, len(manifest.sizes)):
        try:
            is_whole = run.paint_size(number)
        except MemoryLimitError as error:
            if not run.halve_areas(number):
                raise
            reason, side = str(error).partition(";")[0], run.manifest.area_of(number)
            on_event(Warned(f"{reason}; size {number + 1} begins anew in areas of {side} pixels"))
            is_whole = run.paint_size(number)
        if not is_whole:
            return None
    return run.picture()


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
    with _prepared(
        content,
        styles,
        content_map=content_map,
        settings=settings or Settings(),
        options=options or GiantOptions(),
    ) as (manifest, _pictures):
        return manifest


@default_modes()
def plan_coarse(
    manifest: Manifest,
    style: GivenStyle,
    *,
    content_map: PictureSource | None = None,
    style_map: PictureSource | None = None,
) -> Started:
    """Return what the coarse part of a run will do, without computing it or reading its pictures but maps."""
    settings = coarse_settings(manifest)
    styles, _ = given_styles(style, style_map)

    def blank(size: tuple[int, int]) -> npt.NDArray[np.generic]:
        return np.full((*size, 3), 0.1, np.float32)

    return plan_run(
        blank(manifest.sizes[0]),
        _coarse_styles(manifest, styles.values(), lambda stored: blank(_coarse_style_size(manifest, stored))),
        content_map=_coarse_map(content_map, manifest.sizes[0], settings),
        settings=settings,
    )


def coarse_settings(manifest: Manifest) -> Settings:
    """Return the settings of the coarse part, whose pictures have the sizes that they are painted at."""
    longest = max(manifest.sizes[0])
    longest_of_style = max(max(_coarse_style_size(manifest, style)) for style in manifest.styles)
    style_scale = longest_of_style / min(longest_of_style, longest)
    return Settings(**manifest.settings).replace(size=longest, style_scale=style_scale)


def _coarse_style_size(manifest: Manifest, style: StoredStyle) -> tuple[int, int]:
    """Return the size at which ``style`` is as large beside the coarse part as at full size."""
    longest = max(style.size) * manifest.factor(0)
    return fitted_size(style.own_size, max(1, round(longest)))


def _coarse_styles(
    manifest: Manifest,
    styles: Iterable[Style],
    picture_of: Callable[[StoredStyle], npt.NDArray[np.generic]],
) -> list[Style]:
    """Return the styles as the coarse part takes them: their pictures and maps at its sizes."""
    settings = Settings(**manifest.settings)
    return [
        replace(
            style,
            picture=picture_of(stored),
            map=_coarse_map(style.map, _coarse_style_size(manifest, stored), settings),
        )
        for style, stored in zip(styles, manifest.styles, strict=True)
    ]


def _coarse_map(
    source: PictureSource | None, size: tuple[int, int], settings: Settings
) -> PictureSource | None:
    """Return a map for the coarse part, whose picture has ``size``: nothing finer is made of a map.

    One that is much larger is read some rows at a time, and its nearest pixels are taken, twice as many along
    each side as the picture has.
    """
    if source is None:
        return None
    with open_strips(source, max_pixels=settings.max_pixels) as picture:
        if math.prod(picture.size) <= _MAP_PIXELS * math.prod(size):
            return source
        nearest = picture.sampled(fitted_size(picture.size, 2 * max(size)))
    return nearest[0].permute(1, 2, 0).round().to(torch.uint8).numpy()


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
    return int(1.125 * (2 * _CANVAS_BYTES * last + _CANVAS_BYTES * before)) + inputs + _style_bytes(manifest)


def _style_bytes(manifest: Manifest) -> int:
    """Return the bytes of the styles' features and pixels at the last size, by tiles and once more joined."""
    if len(manifest.sizes) == 1 or not style_tiles_of(manifest, len(manifest.sizes) - 1):
        return 0
    settings = Settings(**manifest.settings)
    entry = choose_device(settings.device, settings.precision).dtype.itemsize
    total = 0
    for style in manifest.styles:
        shapes = SCHEMES[settings.scheme].shapes(style.size)
        total += entry * sum(map(math.prod, shapes)) + _CANVAS_BYTES * math.prod(style.size)
    return 2 * total


@dataclass
class _Run:
    folder: Path
    manifest: Manifest
    run_parts: RunParts
    emit: Callable[[Event | PartsDone], None]
    should_stop: Callable[[], bool]

    def paint_coarse(self, content_map: PictureSource | None, styles: Iterable[Style]) -> bool:
        """Paint the coarsest size whole; return whether it was not stopped."""
        checkpoint, store = self.folder / COARSE, Store(self.folder)
        size, settings = self.manifest.sizes[0], coarse_settings(self.manifest)

        def read(style: StoredStyle) -> npt.NDArray[np.generic]:
            return _as_array(store.read_resized(style.role, _coarse_style_size(self.manifest, style)))

        result = stylize(
            _as_array(store.read_resized("content", size)),
            _coarse_styles(self.manifest, styles, read),
            content_map=_coarse_map(content_map, size, settings),
            settings=settings,
            on_event=self.emit,
            should_stop=self.should_stop,
            checkpoint=checkpoint,
            resume=checkpoint_file(checkpoint).exists(),
        )
        if result.interrupted:
            return False
        self._keep_coarse(result)
        return True

    def _keep_coarse(self, result: Result) -> None:
        """Write what the areas need of the coarse part: its picture and its maps."""
        store = Store(self.folder)
        store.write_pixels("size-0/pixels-0-0", with_margin(result.pixels))
        semantics = result.inputs.semantics
        if semantics is not None:
            store.write_pixels("content-map", semantics.channels[0])
        styles = []
        for stored, found in zip(self.manifest.styles, result.inputs.styles, strict=True):
            if found.channels is not None:
                store.write_pixels(stored.map_name, found.channels)
            styles.append(replace(stored, classes=tuple(sorted(found.classes))))
        manifest = replace(self.manifest, styles=styles, is_grey=result.inputs.are_grey)
        self._save(manifest.with_done(COARSE))
        store.remove(COARSE)

    def paint_size(self, number: int) -> bool:
        """Carry out the steps of a size that are not done; return whether it was not stopped."""
        progress = Progress(self.folder, self.manifest)
        for step in steps_of(self.folder, self.manifest, number):
            if step.name not in self.manifest.done and not self.carry_out(step, number, progress):
                return False
        store = Store(self.folder)
        store.remove(f"{self.manifest.place(number)}/style-*")
        for past in (f"size-{number - 1}", f"size-{number - 1}-smaller"):
            store.remove(past)
        if self.manifest.place(number) != f"size-{number}":
            store.remove(f"size-{number}")
        return True

    def halve_areas(self, number: int) -> bool:
        """Give the areas of a size and of all later ones half the side; return False if they had it already.

        What was painted at this size is given up. Areas of less than the smallest side are not made.
        """
        if self.manifest.smaller_from is not None or self.manifest.options.area // 2 < SMALLEST_AREA:
            return False
        self._save(replace(self.manifest, smaller_from=number))
        return True

    def carry_out(self, step: Step, number: int, progress: Progress) -> bool:
        """Run the parts of a step that are not there yet; return whether it was not stopped."""
        sizes, parts = len(self.manifest.sizes), len(step.parts)
        left = [part for part in step.parts if not is_done(part)]
        progress.begin_step([part for part in step.parts if part not in left])
        for done, part in enumerate(self.run_parts(left), start=parts - len(left) + 1):
            progress.finish(part)
            self.emit(
                PartsDone(
                    number + 1,
                    sizes,
                    step.name.split("/")[1],
                    done,
                    parts,
                    progress.seconds_left,
                    progress.megapixels_a_minute,
                )
            )
            if self.should_stop():
                return False
        if step.last is not None:
            for _ in self.run_parts([step.last]):
                pass
        self._save(self.manifest.with_done(step.name))
        self._remove_what_is_past(step, number)
        return True

    def _remove_what_is_past(self, step: Step, number: int) -> None:
        """Remove what no later step reads."""
        store, kind, turn = Store(self.folder), *step.name.split("/")[1].rsplit("-", 1)
        place, first = self.manifest.place(number), int(copies_strokes(Settings(**self.manifest.settings)))
        if kind == "style":
            store.remove(f"{place}/style-[0-9]*")
        elif kind == "vote":
            store.remove(f"{place}/search-*")
            store.remove(f"{place}/penalties-*")
            store.remove(f"{place}/pixels-0-*")
        elif kind == "survey":
            store.remove(f"{place}/survey-{turn}-*")
        elif kind == "paint":
            store.remove(f"{place}/painted-{turn}-*")
            sweep, colour = divmod(int(turn), COLOURS)
            if colour == COLOURS - 1:
                store.remove(f"{place}/pixels-{first + sweep}-*")
                store.remove(f"{place}/matches-{sweep}-*")

    def _save(self, manifest: Manifest) -> None:
        self.manifest = manifest
        write_manifest(self.folder, manifest)

    def picture(self) -> GiantPicture:
        """Return the picture that is painted."""
        number = len(self.manifest.sizes) - 1
        context = size_context(self.folder, self.manifest.identity.digest, number)
        sweeps = self.manifest.options.sweeps if self.manifest.evaluations else 0
        terms = [
            total_losses(self.folder, self.manifest, number, sweep) for sweep in range(sweeps + 1) if number
        ]
        losses = terms[-1] if terms else LossTerms({})
        return GiantPicture(
            self.manifest, self.manifest.sizes[-1], losses, [each.total for each in terms], context
        )


@contextmanager
def _prepared(
    content: PictureSource,
    styles: Mapping[int, Style],
    *,
    content_map: PictureSource | None,
    settings: Settings,
    options: GiantOptions,
) -> Iterator[tuple[Manifest, dict[str, PictureStrips]]]:
    """Open the pictures; yield what the run will be, and the pictures, of which no pixel is read yet."""
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


def _warnings(role: str, picture: PictureStrips) -> Iterator[str]:
    """Yield what deserves a warning in a picture that was read."""
    for note in picture.notes:
        yield f"{picture.name}: {note}"
    if picture.is_transparent:
        yield f"the {role.replace('_', ' ')} is transparent in parts; it is painted as it looks on white"


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
        format=3,
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


def _open(folder: Path, manifest: Manifest, *, resume: bool) -> Manifest | None:
    """Return the manifest of the run to resume; make the folder for a new one."""
    saved = read_manifest(folder)
    if saved is not None and not resume:
        raise OutputError(
            f"{folder}: holds a giant run already; resume it, choose another folder for the store, or remove "
            f"this one"
        )
    if saved is not None:
        differences = manifest.identity.differences(saved.identity)
        if differences:
            raise InputError(
                f"{folder}: the store is of another run: {'; '.join(differences)}; give what that run was "
                f"given, or another store"
            )
        for place in (folder, *folder.glob("size-*")):
            remove_strays(place)
        return saved
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder for the store cannot be made ({error.strerror}); choose another one"
        ) from error
    return None


def _check_room(folder: Path, manifest: Manifest) -> None:
    needed, free = needed_disk(manifest), shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder}: the store will need {format_bytes(needed)}, and the disk has {format_bytes(free)} "
            f"left; choose a folder on another disk, or a smaller size"
        )


def _write_pictures(folder: Path, pictures: Mapping[str, PictureStrips], manifest: Manifest) -> None:
    """Write content and styles as all steps read them: on white, no larger than they are painted from."""
    store = Store(folder)
    content, size = pictures[Role.CONTENT], manifest.sizes[-1]
    sizes: dict[str, tuple[int, int]] = {
        Role.CONTENT: content.size if max(content.size) < max(size) else size
    }
    sizes |= {style.role: style.size for style in manifest.styles}
    for role, target in sizes.items():
        store.write_picture(role, target, pictures[role].resized(target))


def _as_array(pixels: Tensor) -> npt.NDArray[np.generic]:
    """Return pixels (1, 3, H, W), 0..255, as (H, W, 3): bytes where they are the same numbers, else 0..1."""
    values = pixels[0].permute(1, 2, 0).contiguous()
    whole = values.to(torch.uint8)
    return whole.numpy() if torch.equal(whole.to(values.dtype), values) else values.div(255).numpy()


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
