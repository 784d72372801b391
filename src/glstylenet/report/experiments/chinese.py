"""Figure 15: Chinese ancient painting transfer."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.methods import by_method, method_panel
from glstylenet.settings import Pictures

__all__ = ["CHINESE"]

_PAIRS = ("chinese", "chinese-detail")


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel("fig15", pair, pairs[pair], "chinese-painting", shared) for pair in _PAIRS]


def _judge(records: Records) -> list[Finding]:
    return [
        finding
        for pair in _PAIRS
        for finding in by_method(
            records,
            "fig15",
            pair,
            {
                "texture_distance_by_class": "has the style's texture in every region",
                "colour_distance_by_class": "has the style's colours in every region",
                "leaks": "mixes regions least",
            },
        )
    ]


CHINESE = Experiment(
    name="fig15",
    title="Chinese ancient painting",
    source="paper, Figure 15",
    claim="Large forms are the content's, brushwork and ink the painting's, in the whole and in the detail.",
    expected="Nearest to the style within each class.",
    cost="6 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
    published="chinese.jpg",
)
"""A whole painting and a detail, with maps."""
