"""Figure 14: photographs in the light of others."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records, lowest, metric, spread
from glstylenet.report.inputs import Gathered
from glstylenet.report.methods import beside_published, by_method, method_panel

__all__ = ["PHOTOREALISTIC"]

_PRESET = "photorealistic"
_PAIRS = {"photorealistic-2": _PRESET, "photorealistic-3": _PRESET}
_BASELINES = ("gatys",)
_SYMMETRIC = "photorealistic-3"
"""The pair whose subject, a bottle, has a mirror symmetry."""


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel(pair, _PRESET, gathered, shared, baselines=_BASELINES) for pair in _PAIRS]


def _judge(records: Records) -> list[Finding]:
    claims = {
        "line_deviation": "lines stay straight",
        "self_similarity_distance": "the content's details are kept",
        "colour_distance_by_class": "each region has the style's colours",
    }
    found = [
        finding
        for pair in _PAIRS
        for finding in (
            *by_method(records, pair, _PRESET, _BASELINES, claims),
            *beside_published(records, pair, _PRESET),
        )
    ]
    return [*found, _symmetry(records)]


def _symmetry(records: Records) -> Finding:
    """Check whether the bottle, the subject with a mirror symmetry, loses some of it."""
    return lowest(
        f"subjects of strict symmetry may get structural artefacts (symmetry, {_SYMMETRIC})",
        "GLStyleNet",
        {"the content": 1.0, "GLStyleNet": metric(records, f"{_SYMMETRIC}_{_PRESET}", "symmetry")},
        spread(records, _SYMMETRIC, _PRESET, "symmetry"),
    )


PHOTOREALISTIC = Experiment(
    name="fig14",
    title="Photo-realistic style transfer",
    claim="The result is a photograph still, in the style's light; symmetric subjects may get artefacts.",
    expected="Straighter lines and more structure than with Gram matrices alone.",
    cost="10 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
)
"""Two of the paper's four pairs, those whose inputs are given, beside Gram matrices alone."""
