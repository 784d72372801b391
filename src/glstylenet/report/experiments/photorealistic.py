"""Figure 14: photographs in the light of others."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.methods import by_method, method_panel
from glstylenet.settings import Pictures

__all__ = ["PHOTOREALISTIC"]

_PAIRS = ("photorealistic-2", "photorealistic-3")


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    return [
        method_panel("fig14", pair, pairs[pair], "photorealistic", shared, baselines=("gatys",))
        for pair in _PAIRS
    ]


def _judge(records: Records) -> list[Finding]:
    return [
        finding
        for pair in _PAIRS
        for finding in by_method(
            records,
            "fig14",
            pair,
            {
                "line_deviation": "keeps lines straight",
                "self_similarity_distance": "keeps the content's structure",
                "colour_distance_by_class": "has the style's colours in every region",
            },
        )
    ]


PHOTOREALISTIC = Experiment(
    name="fig14",
    title="Photo-realistic style transfer",
    source="paper, Figure 14",
    claim="The result is a photograph still: lines stay straight, and light and colours are the style's.",
    expected="Straighter lines than Gram matrices alone.",
    cost="4 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
    published="photorealistic.jpg",
)
"""Two pairs of photographs with maps."""
