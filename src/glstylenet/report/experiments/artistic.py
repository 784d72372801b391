"""Figure 13: artistic style transfer, without maps."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.methods import by_method, method_panel
from glstylenet.settings import Pictures

__all__ = ["ARTISTIC"]

_PAIRS = ("artistic-1", "artistic-2")


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    return [
        method_panel("fig13", pair, pairs[pair], "artistic", shared, baselines=("gatys",)) for pair in _PAIRS
    ]


def _judge(records: Records) -> list[Finding]:
    return [
        finding
        for pair in _PAIRS
        for finding in by_method(
            records,
            "fig13",
            pair,
            {
                "texture_distance": "has the style's texture",
                "plausibility_distance": "is made of the style's patches",
                "self_similarity_distance": "keeps the content's structure",
            },
        )
    ]


ARTISTIC = Experiment(
    name="fig13",
    title="Artistic style transfer",
    source="paper, Figure 13",
    claim="Without maps too, strokes are whole and the content can be read.",
    expected="Nearer to the texture than Gram matrices alone, and more of the content kept.",
    cost="4 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
    published="artistic.jpg",
)
"""Two pairs without maps."""
