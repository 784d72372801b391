"""Figure 9: the same picture in every aggregation scheme."""

from collections.abc import Mapping
from typing import Any

from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.report.experiment import Experiment, Finding, Panel, Records, lowest, metric, preset_task
from glstylenet.settings import Pictures

__all__ = ["AGGREGATION_SCHEMES"]

_NAMES = tuple(PAPER_SCHEMES)
_JUDGED = (
    "self_similarity_distance",
    "texture_distance_by_class",
    "plausibility_distance",
    "coverage_distance",
    "colour_distance_by_class",
)
"""Metrics of which less is better: the schemes are ranked by each, and the ranks are averaged."""


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    pictures = pairs["portrait"]
    tasks = [preset_task(f"fig9_{name}", pictures, "portrait", shared, scheme=name) for name in _NAMES]
    half = len(tasks) // 2
    rows = (tuple(tasks[:half]), tuple(tasks[half:]))
    labels = [
        f"({name}) " + " | ".join("+".join(map(str, g)) for g in PAPER_SCHEMES[name].groups)
        for name in _NAMES
    ]
    return [
        Panel("Schemes " + ", ".join(labels[:half]), pictures, ("",), tuple(labels[:half]), rows[:1]),
        Panel("Schemes " + ", ".join(labels[half:]), pictures, ("",), tuple(labels[half:]), rows[1:]),
    ]


def _judge(records: Records) -> list[Finding]:
    ranks: dict[str, list[int]] = {name: [] for name in _NAMES}
    for key in _JUDGED:
        values = {name: metric(records, f"fig9_{name}", key) for name in _NAMES}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) < len(_NAMES):
            continue
        for rank, name in enumerate(sorted(known, key=lambda each: known[each]), start=1):
            ranks[name].append(rank)
    means: dict[str, float | None] = {
        name: sum(each) / len(each) if each else None for name, each in ranks.items()
    }
    texture = {name: metric(records, f"fig9_{name}", "texture_distance_by_class") for name in _NAMES}
    judged = ", ".join(key.replace("_", " ") for key in _JUDGED)
    return [
        lowest(
            f"(g) is the best of all: lowest mean rank over {judged}",
            "g",
            means,
        ),
        lowest("(g) has the style's texture best (texture distance by class)", "g", texture),
    ]


AGGREGATION_SCHEMES = Experiment(
    name="fig9",
    title="Aggregation schemes",
    source="paper, Figures 9 and 10",
    claim="Fusing all four layers, (g), gives the best pictures.",
    expected="(g) leads in the mean rank over metrics that no loss minimises.",
    cost="8 pictures; (a) takes several times as long as the others",
    pairs=("portrait",),
    panels=_panels,
    judge=_judge,
)
"""The paper's eight schemes with the portrait preset."""
