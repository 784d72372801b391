"""Figure 12 (and 1 to 3): portraits, beside the two methods that the paper compares with."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.methods import by_method, method_panel
from glstylenet.settings import Pictures

__all__ = ["PORTRAITS"]

_PAIRS = ("portrait", "portrait-reversed")


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel("fig12", pair, pairs[pair], "portrait", shared) for pair in _PAIRS]


def _judge(records: Records) -> list[Finding]:
    return [
        finding
        for pair in _PAIRS
        for finding in by_method(
            records,
            "fig12",
            pair,
            {
                "texture_distance_by_class": "has the style's texture in every region",
                "colour_distance_by_class": "has the style's colours in every region",
                "leaks": "mixes regions least",
            },
        )
    ]


PORTRAITS = Experiment(
    name="fig12",
    title="Portraits: three methods",
    source="paper, Figures 1 to 3 and 12",
    claim="Gram matrices alone mix regions; patches alone lose colour; together they do neither.",
    expected="GLStyleNet is nearest to the style within each class, with the fewest leaks.",
    cost="6 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
    published="portraits.jpg",
)
"""Both directions of the portrait pair."""
