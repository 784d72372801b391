"""Figure 13: artistic style transfer, without maps."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.inputs import Gathered
from glstylenet.report.methods import beside_published, by_method, method_panel

__all__ = ["ARTISTIC"]

_PRESET = "artistic"
_PAIRS = {"artistic-1": _PRESET, "artistic-2": _PRESET}
_BASELINES = ("gatys",)


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel(pair, _PRESET, gathered, shared, baselines=_BASELINES) for pair in _PAIRS]


def _judge(records: Records) -> list[Finding]:
    claims = {
        "texture_distance": "without maps, too, the result has the style's texture",
        "plausibility_distance": "it is made of the style's patches",
        "self_similarity_distance": "it keeps the content's structure",
    }
    return [
        finding
        for pair in _PAIRS
        for finding in (
            *by_method(records, pair, _PRESET, _BASELINES, claims),
            *beside_published(records, pair, _PRESET),
        )
    ]


ARTISTIC = Experiment(
    name="fig13",
    title="Artistic style transfer",
    claim="The model is effective for artistic style transfer without semantic annotations, too.",
    expected="Nearer to the texture than Gram matrices alone, and more of the content kept.",
    cost="10 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
)
"""Two of the paper's four pairs, those whose inputs are given, beside Gram matrices alone."""
