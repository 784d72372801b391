"""Figure 15: a detail of a Chinese ancient painting, with a more elaborate map."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records
from glstylenet.report.inputs import Gathered
from glstylenet.report.methods import beside_published, by_method, method_panel

__all__ = ["CHINESE_DETAIL"]

_PAIR, _PRESET = "chinese-detail", "chinese-painting"
_BOTH = ("neural-doodle", "gatys")


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel(_PAIR, _PRESET, gathered, shared, baselines=_BOTH)]


def _judge(records: Records) -> list[Finding]:
    claims = {
        "texture_distance_by_class": "details have the style's texture in every region",
        "plausibility_distance": "they are made of the style's patches",
        "colour_distance_by_class": "each region has the style's colours",
        "leaks": "leaves, trunks, houses and background keep to their own kind",
    }
    return [
        *by_method(records, _PAIR, _PRESET, _BOTH, claims),
        *beside_published(records, _PAIR, _PRESET),
    ]


CHINESE_DETAIL = Experiment(
    name="fig15",
    title="Chinese ancient painting, detail",
    claim="With a more elaborate map the details of leaves, trunks and houses are good.",
    expected="Nearest to the style within each class.",
    cost="5 pictures",
    pairs={_PAIR: _PRESET},
    panels=_panels,
    judge=_judge,
)
"""One of the paper's two details, the one whose inputs are given."""
