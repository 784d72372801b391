"""The loop of a giant run: the coarse part whole, as any run, and from there on every size area by area."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glstylenet.errors import InputError, MemoryLimitError, OutputError
from glstylenet.files import remove_strays
from glstylenet.giant.areas import COLOURS, SMALLEST_AREA
from glstylenet.giant.coarse import coarse_map, coarse_settings, coarse_style_size, coarse_styles, plan_coarse
from glstylenet.giant.manifest import (
    COARSE,
    GiantOptions,
    Manifest,
    StoredStyle,
    read_manifest,
    write_manifest,
)
from glstylenet.giant.plan import needed_disk, prepared, small_style_warnings
from glstylenet.giant.progress import Progress
from glstylenet.giant.size_context import SizeContext, copies_strokes, size_context
from glstylenet.giant.steps import Part, Step, is_done, last_generation, run_part, steps_of, total_losses
from glstylenet.giant.store import Store
from glstylenet.machine import default_modes
from glstylenet.memory import format_bytes
from glstylenet.numerics import Rect
from glstylenet.objective import LossTerms
from glstylenet.pictures import PictureSource, PictureStrips
from glstylenet.run import (
    MARGIN,
    Event,
    GivenStyle,
    Result,
    Style,
    Warned,
    checkpoint_file,
    given_styles,
    stylize,
    with_margin,
)
from glstylenet.settings import Role, Settings

__all__ = ["GiantPicture", "PartsDone", "RunParts", "paint_giant", "run_here"]

RunParts = Callable[[Sequence[Part]], Iterable[Part]]
"""Runs parts of a step in any order, and yields each that is done."""


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
    with prepared(
        content,
        styles,
        content_map=content_map,
        settings=settings,
        options=options,
    ) as (planned, pictures):
        manifest = _open(folder, planned, resume=resume)
        if manifest is None:
            manifest = planned
            # A map that does not fit, or a class that is not there, is refused before a store is begun.
            plan_coarse(manifest, list(styles.values()), content_map=content_map)
            _make_folder(folder)
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
            return _as_array(store.read_resized(style.role, coarse_style_size(self.manifest, style)))

        result = stylize(
            _as_array(store.read_resized("content", size)),
            coarse_styles(self.manifest, styles, read),
            content_map=coarse_map(content_map, size, settings),
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
        for kind in ("style", "content"):
            store.remove(f"{self.manifest.place(number)}/{kind}-*")
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
            store.remove(f"{place}/soft-style-*")
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


def _warnings(role: str, picture: PictureStrips) -> Iterator[str]:
    """Yield what deserves a warning in a picture that was read."""
    for note in picture.notes:
        yield f"{picture.name}: {note}"
    if picture.is_transparent:
        yield f"the {role.replace('_', ' ')} is transparent in parts; it is painted as it looks on white"


def _open(folder: Path, manifest: Manifest, *, resume: bool) -> Manifest | None:
    """Return the manifest of the run to resume; ``None`` where a new one begins."""
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder for the store cannot be made ({error.strerror}); choose another one"
        ) from error


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
