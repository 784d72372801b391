"""Figures 9 and 10: the same picture in every aggregation scheme, and what each scheme fuses."""

import time
from collections.abc import Mapping
from typing import Any

from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.report.experiment import (
    Experiment,
    Finding,
    Panel,
    Records,
    Table,
    lowest,
    metric,
    pair_task,
    spread,
)
from glstylenet.report.figures import drawn_schemes
from glstylenet.report.inputs import Gathered

__all__ = ["AGGREGATION_SCHEMES", "SCHEME_FLOWS"]

_NAMES = tuple(PAPER_SCHEMES)
_JUDGED = (
    "self_similarity_distance",
    "texture_distance_by_class",
    "plausibility_distance",
    "coverage_distance",
    "colour_distance_by_class",
)
"""Metrics of which less is better: the schemes are ranked by each, and the ranks are averaged."""

_SIZE, _CLASSES = (512, 352), 5
_PAPER_SIZES = {
    "a": ((256, 176, 202),),
    "b": ((128, 88, 261),),
    "c": ((64, 44, 517),),
    "d": ((64, 44, 778),),
    "e": ((128, 88, 463),),
    "f": ((64, 44, 719),),
    "g": ((64, 44, 980),),
    "h": ((128, 88, 261), (64, 44, 517)),
}
"""Height, width and channels of each fused feature as the paper prints them, for a picture of ``_SIZE``."""


def _task_name(scheme: str) -> str:
    return f"portrait_portrait_global-weight-0_scheme-{scheme}"


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    pictures = gathered.pairs["portrait"]
    # Without the global loss, as the paper does here.
    tasks = [
        pair_task("portrait", pictures, "portrait", shared, global_weight=0.0, scheme=name) for name in _NAMES
    ]
    half = len(tasks) // 2
    labels = tuple(f"({name}) {_layers(name)}" for name in _NAMES)
    return [
        Panel("Schemes (a) to (d)", pictures, ("",), labels[:half], (tuple(tasks[:half]),)),
        Panel("Schemes (e) to (h)", pictures, ("",), labels[half:], (tuple(tasks[half:]),)),
    ]


def _layers(name: str) -> str:
    groups = PAPER_SCHEMES[name].groups
    return " and ".join("+".join(f"conv{layer}_1" for layer in group) for group in groups)


def _judge(records: Records) -> list[Finding]:
    ranks: dict[str, list[int]] = {name: [] for name in _NAMES}
    for key in _JUDGED:
        values = {name: metric(records, _task_name(name), key) for name in _NAMES}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) < len(_NAMES):
            continue
        for rank, name in enumerate(sorted(known, key=lambda each: known[each]), start=1):
            ranks[name].append(rank)
    means: dict[str, float | None] = {
        name: sum(each) / len(each) if each else None for name, each in ranks.items()
    }
    key = "texture_distance_by_class"
    texture = {name: metric(records, _task_name(name), key) for name in _NAMES}
    by_chance = spread(records, "portrait", "portrait", key)
    judged = ", ".join(name.replace("_", " ") for name in _JUDGED)
    return [
        lowest(f"(g) is the best of all: lowest mean rank over {judged}", "g", means),
        lowest("(g) loses the least of the texture (texture distance by class)", "g", texture, by_chance),
        lowest(
            "(g) loses less of the texture than (c), its deepest layer alone (texture distance by class)",
            "g",
            {name: texture[name] for name in ("c", "g")},
            by_chance,
        ),
    ]


AGGREGATION_SCHEMES = Experiment(
    name="fig9",
    title="Aggregation schemes",
    claim="Fusing all four layers, (g), gives the best pictures and loses the least of the texture.",
    expected="(g) leads in the mean rank over metrics that no loss minimises.",
    cost="11 pictures",
    pairs={"portrait": "portrait"},
    panels=_panels,
    judge=_judge,
)
"""The paper's eight schemes with the portrait preset, without the global loss."""


def _table(_shared: Mapping[str, Any]) -> Table:
    began = time.perf_counter()
    shapes = {name: tuple(PAPER_SCHEMES[name].shapes(_SIZE, _CLASSES)) for name in _NAMES}
    rows = tuple(
        (f"({name})", _layers(name), _sizes(shapes[name]), _sizes(_PAPER_SIZES[name])) for name in _NAMES
    )
    others = [name for name in _NAMES if shapes[name] != _PAPER_SIZES[name]]
    finding = Finding(
        "the fused features have the printed sizes",
        "not reproduced" if others else "reproduced",
        f"other sizes in {', '.join(others)}" if others else f"equal in all {len(_NAMES)}",
    )
    heads = ("scheme", "layers", "size (h x w x c), here", "size, paper")
    return Table(heads, rows, (finding,), time.perf_counter() - began, drawn_schemes(_SIZE, _CLASSES))


def _sizes(shapes: tuple[tuple[int, int, int], ...]) -> str:
    return " + ".join(f"{height} x {width} x {channels}" for height, width, channels in shapes)


SCHEME_FLOWS = Experiment(
    name="fig10",
    title="What each scheme fuses",
    claim="Shallow features are resized and concatenated with the next deeper ones, layer by layer.",
    expected="The sizes that the paper prints, for 512 x 352 and maps of five classes.",
    cost="no pictures: drawn from the program's own table of schemes",
    table=_table,
)
"""The flow and the sizes of every scheme, of a picture of the paper's size."""
