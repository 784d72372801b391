"""Figures 2 and 3: portraits in both directions, beside patches alone and Gram matrices alone."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records, lowest, metric, rises, spread
from glstylenet.report.inputs import Gathered
from glstylenet.report.methods import beside_published, by_method, method_panel

__all__ = ["PORTRAIT", "PORTRAIT_REVERSED"]

_PRESET = "portrait"
_BOTH = ("neural-doodle", "gatys")


def _panels(pair: str, gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    return [method_panel(pair, _PRESET, gathered, shared, baselines=_BOTH)]


def _judge_faithful(records: Records, pair: str) -> list[Finding]:
    return by_method(
        records,
        pair,
        _PRESET,
        _BOTH,
        {
            "texture_distance_by_class": "the result is the most faithful to the style",
            "plausibility_distance": "noses, eyes, ears, clothes and background are the most plausible",
            "colour_distance_by_class": "each region has the style's colours",
            "leaks": "regions are mixed least",
        },
    )


def _judge(records: Records) -> list[Finding]:
    values = [
        metric(records, name, "sharpness") for name in ("portrait_neural-doodle", f"portrait_{_PRESET}")
    ]
    clear = rises(
        "results with patches alone are blurred, these are clear (sharpness, portrait)",
        ["patches alone", "GLStyleNet"],
        values,
        spread(records, "portrait", _PRESET, "sharpness"),
    )
    return [clear, *_judge_faithful(records, "portrait"), *beside_published(records, "portrait", _PRESET)]


def _judge_reversed(records: Records) -> list[Finding]:
    pair = "portrait-reversed"
    faster = lowest(
        "a run takes less time than with patches of two layers, with the global loss added (seconds)",
        "GLStyleNet",
        {
            "patches alone": metric(records, f"{pair}_neural-doodle", "seconds"),
            "GLStyleNet": metric(records, f"{pair}_{_PRESET}", "seconds"),
        },
    )
    return [faster, *_judge_faithful(records, pair), *beside_published(records, pair, _PRESET)]


PORTRAIT = Experiment(
    name="fig2",
    title="Portrait",
    claim="Patches alone give blurred results with implausible details; GLStyleNet's are faithful and clear.",
    expected="Nearest to the style within each class, and sharper than patches alone.",
    cost="5 pictures",
    pairs={"portrait": _PRESET},
    panels=lambda gathered, shared: _panels("portrait", gathered, shared),
    judge=_judge,
)
"""A photograph in the manner of a painted portrait."""

PORTRAIT_REVERSED = Experiment(
    name="fig3",
    title="Portrait, the other way",
    claim="The most faithful result, in less time than patches alone take; Lu's network is not compared.",
    expected="Nearest to the style within each class, in fewer seconds than patches of two layers.",
    cost="5 pictures",
    pairs={"portrait-reversed": _PRESET},
    panels=lambda gathered, shared: _panels("portrait-reversed", gathered, shared),
    judge=_judge_reversed,
)
"""The painted portrait in the light of the photograph."""
