"""Steps: what is done to a picture at one size, and what every area's part of it is.

A part reads what earlier steps wrote into the store, writes files of its own, and returns nothing. It depends
on nothing else, so it may run in any process and any number of times. Parts of a step run at once; a step
begins when the one before is done::

    style              features of the styles, tile by tile; where strokes are copied, once more of styles as
                       soft as the enlarged picture
    enlarge            the picture of the size before, resampled
    search-0 ... 2     patches to copy strokes from, with penalties for overused ones    (three times)
    vote               strokes copied
    for each sweep:
        survey         nearest neighbours (Eq. 3), Gram matrices and losses of every area; F^4 of the
                       content, in the first one
        paint-0 ... 3  the areas of a colour, each by a few steps of L-BFGS
    survey             of the last size alone: the losses of the result
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from glstylenet.errors import MemoryLimitError
from glstylenet.giant.areas import COLOURS, Area
from glstylenet.giant.manifest import Manifest
from glstylenet.giant.size_context import (
    SizeContext,
    areas_of,
    copies_strokes,
    size_context,
    style_parts_of,
)
from glstylenet.machine import default_modes, out_of_memory
from glstylenet.matching import PATCH
from glstylenet.memory import HISTORY, MemoryPlan
from glstylenet.numerics import Rect
from glstylenet.objective import SEARCHES_OF_VOTE, TERMS, AreaObjective, LossTerms
from glstylenet.run import (
    FORMS_REACH,
    MARGIN,
    blend_detail,
    make_grey,
    make_optimizer,
    with_margin,
)
from glstylenet.settings import Settings

__all__ = [
    "Part",
    "Step",
    "is_done",
    "last_generation",
    "run_part",
    "steps_of",
    "total_losses",
    "written_by",
]


@dataclass(frozen=True)
class Part:
    """`Part` is one area's part of a step, or what is computed from all of them: ``kind`` says which.

    ``folder``: the store. ``run``: the digest of the run's identity, for a process that holds several.
    ``number``: the size. ``area``: its number, or that of a tile of all styles where ``kind`` is style; -1
    for what is of the whole picture. ``turn``: the search, the sweep or, for a colour, ``COLOURS`` times the
    sweep plus the colour.
    """

    folder: Path
    run: str
    kind: str
    number: int
    area: int
    turn: int = 0


@dataclass(frozen=True)
class Step:
    """`Step` holds ``parts`` that may run at once, and then ``last``, if any, which joins what they wrote."""

    name: str
    parts: tuple[Part, ...]
    last: Part | None = None


def steps_of(folder: Path, manifest: Manifest, number: int) -> Iterator[Step]:
    """Yield the steps of the size ``number``, from 1."""
    settings = Settings(**manifest.settings)
    areas = areas_of(manifest, number)
    run = manifest.identity.digest

    def step(kind: str, turn: int = 0, *, joins: str = "", colour: int | None = None) -> Step:
        parts = tuple(
            Part(folder, run, kind, number, area.number, turn)
            for area in areas
            if colour is None or area.colour == colour
        )
        last = Part(folder, run, joins, number, -1, turn) if joins else None
        return Step(f"{manifest.place(number)}/{kind}-{turn}", parts, last)

    tiles = len(style_parts_of(manifest, number))
    if tiles:
        parts = tuple(Part(folder, run, "style", number, tile) for tile in range(tiles))
        yield Step(f"{manifest.place(number)}/style-0", parts, Part(folder, run, "join-style", number, -1))
    yield step("enlarge")
    if copies_strokes(settings):
        for turn in range(SEARCHES_OF_VOTE):
            yield step("search", turn, joins="join-search")
        yield step("vote")
    sweeps = manifest.options.sweeps if manifest.evaluations else 0
    for sweep in range(sweeps):
        yield step("survey", sweep, joins="join-survey")
        for colour in range(COLOURS):
            yield step("paint", COLOURS * sweep + colour, joins="join-paint", colour=colour)
    if number == len(manifest.sizes) - 1:
        yield step("survey", sweeps, joins="join-survey")


@default_modes()
def run_part(part: Part) -> None:
    """Compute what ``part`` writes, unless it is there.

    Raises :class:`~glstylenet.errors.MemoryLimitError` where the machine has not enough memory.
    """
    if is_done(part):
        return
    try:
        context = size_context(part.folder, part.run, part.number)
        _KINDS[part.kind](context, part)
        for features in (*context.style_features, *context.soft_style_features):
            features.release()
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise MemoryLimitError(
            "the machine ran out of memory in an area; use smaller areas, fewer workers if there are "
            "several, or a smaller style, or close other programs"
        ) from error


def is_done(part: Part) -> bool:
    """Return whether what ``part`` writes is there."""
    context = size_context(part.folder, part.run, part.number)
    return context.store.has(context.name(written_by(part)))


def total_losses(folder: Path, manifest: Manifest, number: int, sweep: int) -> LossTerms:
    """Return the losses of the whole picture before ``sweep``, as its survey found them."""
    context = size_context(folder, manifest.identity.digest, number)
    return _terms(context.store.read_tensor(context.name(f"surveyed-{sweep}"), "terms"))


def written_by(part: Part) -> str:
    """Return the name of the file that a part writes last."""
    return {
        "style": f"style-{part.area}",
        "join-style": "style-picture-0",
        "enlarge": f"pixels-0-{part.area}",
        "search": f"search-{part.turn}-{part.area}",
        "join-search": (
            f"search-{part.turn}" if part.turn == SEARCHES_OF_VOTE - 1 else f"penalties-{part.turn + 1}"
        ),
        "vote": f"pixels-1-{part.area}",
        "survey": f"survey-{part.turn}-{part.area}",
        "join-survey": f"surveyed-{part.turn}",
        "paint": f"painted-{part.turn}-{part.area}",
        "join-paint": f"total-{part.turn}",
    }[part.kind]


def last_generation(context: SizeContext) -> int:
    """Return the generation of the pixels that a size ends with."""
    if context.number == 0:
        return 0
    sweeps = context.manifest.options.sweeps if context.manifest.evaluations else 0
    return context.start_generation + sweeps


def _style(context: SizeContext, part: Part) -> None:
    number = part.area
    for features in (*context.style_features, *context.soft_style_features):
        if number < len(features.tiles):
            tensors = features.compute(number, context.network)
            context.store.write_tensors(context.name(written_by(part)), tensors)
            return
        number -= len(features.tiles)


def _join_style(context: SizeContext, part: Part) -> None:
    tiles = itertools.count()
    styles = (*context.style_features, *context.soft_style_features)
    names = [
        [context.name(written_by(replace(part, kind="style", area=next(tiles)))) for _ in features.tiles]
        for features in styles
    ]
    # The first style's picture comes last: it says that the step is done.
    for features, of_style in reversed(list(zip(styles, names, strict=True))):
        features.join(of_style)


def _enlarge(context: SizeContext, part: Part) -> None:
    area = context.areas[part.area]
    before = size_context(part.folder, part.run, part.number - 1)
    before.forget_targets()
    pixels = context.read_enlarged(before, last_generation(before), area.core)
    context.store.write_pixels(context.pixels_name(0, area), pixels)


def _search(context: SizeContext, part: Part) -> None:
    area, targets = context.areas[part.area], context.targets
    pixels = context.read_canvas(area.tile.crop, 1).to(context.device)
    found = targets.search_strokes(pixels, area.tile, _penalties(context, part.turn))
    context.store.write_pixels(context.name(written_by(part)), found.index[None, None].to(torch.int32))


def _join_search(context: SizeContext, part: Part) -> None:
    """Join the patches found, and write the penalties of the next search, by what all before it found."""
    name, votes = context.name(f"search-{part.turn}"), context.targets.stroke_votes
    pieces = (
        (area, context.store.map_array(f"{name}-{area.number}", torch.int32).tensor[0])
        for area in context.areas
    )
    index = _write_joined(context, name, pieces, votes.styles.layer)
    if part.turn + 1 < SEARCHES_OF_VOTE:
        penalties = votes.penalties(index.to(context.device), _penalties(context, part.turn))
        tensors = {f"style-{number}": each.cpu() for number, each in enumerate(penalties)}
        context.store.write_tensors(context.name(written_by(part)), tensors)


def _penalties(context: SizeContext, turn: int) -> list[Tensor] | None:
    """Return the penalties of a search."""
    if not turn:
        return None
    tensors = context.store.read_tensors(context.name(f"penalties-{turn}"))
    return [tensors[f"style-{number}"].to(context.device) for number in range(len(tensors))]


def _write_joined(
    context: SizeContext, name: str, pieces: Iterable[tuple[Area, Tensor]], layer: int
) -> Tensor:
    """Write the index of all areas' patches, int32 (H-2, W-2), as ``name``; return it mapped."""
    windows = [area.tile.patches(layer) for area in context.areas]
    shape = (max(window.bottom for window in windows), max(window.right for window in windows))
    parts = ((area.tile.patches(layer).slices, piece) for area, piece in pieces)
    context.store.write_array(name, shape, torch.int32, parts)
    return context.store.map_array(name, torch.int32).tensor


def _vote(context: SizeContext, part: Part) -> None:
    area, votes = context.areas[part.area], context.targets.stroke_votes
    core, cell = area.core, votes.cell
    index = context.store.map_array(context.name(f"search-{SEARCHES_OF_VOTE - 1}"), torch.int32).tensor
    reach = math.ceil(FORMS_REACH / cell) * cell
    height, width = context.canvas_size
    window = Rect(
        max(0, core.top - reach),
        max(0, core.left - reach),
        min(height, core.bottom + reach),
        min(width, core.right + reach),
    )
    # The patches over the window's cells, and those around them, which say how coherent they are.
    cells = Rect(window.top // cell, window.left // cell, -(-window.bottom // cell), -(-window.right // cell))
    patches = Rect(
        max(0, cells.top - PATCH),
        max(0, cells.left - PATCH),
        min(index.shape[0], cells.bottom + 1),
        min(index.shape[1], cells.right + 1),
    )
    voted = votes.voted(index[patches.slices].to(context.device).long())
    painted = Rect(
        window.top,
        window.left,
        min(window.bottom, (index.shape[0] + PATCH - 1) * cell),
        min(window.right, (index.shape[1] + PATCH - 1) * cell),
    )
    canvas = context.read_canvas(window, 1).to(context.device)
    pixels = canvas.clone()
    inner = painted.relative_to(window)
    pixels[..., *inner.slices] = voted[..., *painted.relative_to(patches.scale(cell)).slices]
    if context.settings.voting == "detail":
        pixels = blend_detail(canvas, pixels)
    pixels = pixels.clamp(0.0, 255.0)[..., *core.relative_to(window).slices]
    if context.manifest.is_grey:
        pixels = make_grey(pixels.contiguous())
    context.store.write_pixels(context.pixels_name(1, area), _with_new_margin(pixels, core, (height, width)))


def _with_new_margin(pixels: Tensor, core: Rect, size: tuple[int, int]) -> Tensor:
    """Return ``pixels`` of an area's ``core`` with what lies in the canvas's margin mirrored anew."""
    inner = Rect(
        MARGIN if core.top == 0 else 0,
        MARGIN if core.left == 0 else 0,
        core.size[0] - (MARGIN if core.bottom == size[0] else 0),
        core.size[1] - (MARGIN if core.right == size[1] else 0),
    )
    padded = with_margin(pixels[..., *inner.slices])
    # Where the area does not reach the margin, what was padded is cut off again.
    top, left = MARGIN - inner.top, MARGIN - inner.left
    return padded[..., top : top + core.size[0], left : left + core.size[1]]


def _survey(context: SizeContext, part: Part) -> None:
    area = context.areas[part.area]
    crop = area.tile.crop
    generation = context.start_generation + part.turn
    pixels = context.read_canvas(crop, generation + 1).to(context.device)
    survey = context.targets.survey(pixels, _content_of_tile(context, part), area.tile)
    tensors = _by_name(survey.matrices)
    for number, matches in enumerate(survey.matches):
        tensors[f"index-{number}"] = matches.index.to(torch.int32)
    tensors["terms"] = _as_tensor(survey.terms)
    context.store.write_tensors(context.name(written_by(part)), tensors)


def _content_of_tile(context: SizeContext, part: Part) -> Tensor | None:
    """Return F^4 of the content at the positions of an area's tile.

    The first survey computes it, and keeps it for painting and for later surveys.
    """
    tile, targets = context.areas[part.area].tile, context.targets
    if not targets.compares_content:
        return None
    if part.turn:
        return context.read_content_features(tile)
    features = targets.content_features(context.read_content(tile.crop).to(context.device), tile)
    if context.manifest.evaluations:
        context.write_content_features(part.area, features)
    return features


def _join_survey(context: SizeContext, part: Part) -> None:
    names = {area: context.name(f"survey-{part.turn}-{area.number}") for area in context.areas}
    if context.targets.matches_patches:
        for number, styles in enumerate(context.targets.targets.styles):
            key = f"index-{number}"
            pieces = ((area, context.store.read_tensor(name, key)) for area, name in names.items())
            _write_joined(context, context.name(f"matches-{part.turn}-{number}"), pieces, styles.layer)
    total: dict[str, Tensor] = {}
    for name in names.values():
        _add(total, context.store.read_tensors(name))
    _write_total(context, part, total)


def _join_paint(context: SizeContext, part: Part) -> None:
    total = _total_before(context, part.turn)
    for area in context.areas:
        if area.colour == part.turn % COLOURS:
            _add(total, context.store.read_tensors(context.name(f"painted-{part.turn}-{area.number}")))
    _write_total(context, part, total)


def _total_before(context: SizeContext, turn: int) -> dict[str, Tensor]:
    """Return the Gram matrices and losses of the whole picture before a colour is painted."""
    sweep, colour = divmod(turn, COLOURS)
    name = f"total-{turn - 1}" if colour else f"surveyed-{sweep}"
    return context.store.read_tensors(context.name(name))


def _add(total: dict[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Add matrices and terms; the order is that of the areas, for sums round."""
    for key, tensor in tensors.items():
        if not key.startswith("index-"):
            total[key] = total[key] + tensor if key in total else tensor


def _write_total(context: SizeContext, part: Part, total: dict[str, Tensor]) -> None:
    """Write the Gram matrices of the whole picture and its losses."""
    matrices = _from_names(context, total)
    values = dict(_terms(total["terms"]).values)
    values["global"] = context.targets.global_loss(matrices) if matrices else 0.0
    total["terms"] = _as_tensor(LossTerms(values))
    context.store.write_tensors(context.name(written_by(part)), total)


def _paint(context: SizeContext, part: Part) -> None:
    area, settings = context.areas[part.area], context.settings
    sweep, colour = divmod(part.turn, COLOURS)
    generation = context.start_generation + sweep + 1
    crop = area.region.crop
    targets = context.targets
    total = _total_before(context, part.turn)
    objective = AreaObjective(
        targets,
        area.region,
        area.painted,
        context.read_canvas(crop, generation, colour).to(context.device),
        context.read_content_features(area.region) if targets.compares_content else None,
        matches=context.read_matches(sweep) if targets.matches_patches else [],
        matrices=_from_names(context, total),
        window=area.window.to(context.device),
        # More than change at once. If each took only those of its colour into account, the first colour would
        # make up for what the whole picture lacks, and end with other colours than the last.
        at_once=len(context.areas),
    )
    terms: list[LossTerms] = []

    def evaluate(free: Tensor) -> tuple[float, Tensor]:
        evaluation = objective.evaluate(free)
        terms.append(evaluation.terms)
        gradient = evaluation.gradient
        return terms[-1].total, make_grey(gradient) if context.manifest.is_grey else gradient

    plan = MemoryPlan(None, 1, HISTORY, half_history=False, needed_bytes=0)
    free, found, changed = objective.start, 0, list[list[Tensor]]()
    for step in make_optimizer(settings, plan).run(evaluate, free, context.manifest.evaluations):
        if step.accepted:
            free, found, changed = step.x, len(terms) - 1, objective.changed_matrices()
    tensors = _by_name(changed)
    changes = {name: terms[found][name] - terms[0][name] for name in terms[0].values}
    tensors["terms"] = _as_tensor(LossTerms(changes))
    context.store.write_pixels(context.pixels_name(generation, area), objective.pixels(free))
    context.store.write_tensors(context.name(written_by(part)), tensors)


_KINDS: Mapping[str, Callable[[SizeContext, Part], None]] = {
    "style": _style,
    "join-style": _join_style,
    "enlarge": _enlarge,
    "search": _search,
    "join-search": _join_search,
    "vote": _vote,
    "survey": _survey,
    "join-survey": _join_survey,
    "paint": _paint,
    "join-paint": _join_paint,
}


def _by_name(matrices: list[list[Tensor]]) -> dict[str, Tensor]:
    return {
        f"matrix-{feature}-{region}": matrix.cpu()
        for feature, several in enumerate(matrices)
        for region, matrix in enumerate(several)
    }


def _from_names(context: SizeContext, tensors: Mapping[str, Tensor]) -> list[list[Tensor]]:
    found: dict[int, dict[int, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("matrix-"):
            feature, region = map(int, key.split("-")[1:])
            found.setdefault(feature, {})[region] = tensor.to(context.device)
    return [[found[number][region] for region in sorted(found[number])] for number in sorted(found)]


def _as_tensor(terms: LossTerms) -> Tensor:
    return torch.tensor([terms[term.name] for term in TERMS], dtype=torch.float64)


def _terms(values: Tensor) -> LossTerms:
    return LossTerms(dict(zip((term.name for term in TERMS), values.tolist(), strict=True)))
