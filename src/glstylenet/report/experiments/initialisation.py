"""Figure 6: where the optimisation starts, on the four tasks of the paper."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import (
    Experiment,
    Finding,
    Panel,
    Records,
    compared,
    lowest,
    metric,
    pair_task,
    spread,
    told,
)
from glstylenet.report.inputs import Gathered

__all__ = ["INITIALISATION"]

_INITS = ("content", "style", "noise")
_PAIRS = {
    "portrait": "portrait",
    "artistic-2": "artistic",
    "photorealistic-2": "photorealistic",
    "chinese": "chinese-painting",
}
_STRUCTURE = "self_similarity_distance"


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    labels = tuple(f"from {init}" for init in _INITS)
    return [
        Panel(
            pair,
            gathered.pairs[pair],
            ("",),
            labels,
            (tuple(pair_task(pair, gathered.pairs[pair], preset, shared, init=init) for init in _INITS),),
        )
        for pair, preset in _PAIRS.items()
    ]


def _values(records: Records, pair: str, key: str) -> dict[str, float | None]:
    return {init: metric(records, f"{pair}_{_PAIRS[pair]}_init-{init}", key) for init in _INITS}


def _judge(records: Records) -> list[Finding]:
    kept = [
        lowest(
            f"{words}: the content is the start that keeps most of it (self similarity distance, {pair})",
            "content",
            _values(records, pair, _STRUCTURE),
            spread(records, pair, _PAIRS[pair], _STRUCTURE),
        )
        for pair, words in (
            ("artistic-2", "artistic"),
            ("chinese", "Chinese painting"),
            ("photorealistic-2", "photographs"),
        )
    ]
    return [
        lowest(
            "portraits: the style is the start with the most expressive result (texture distance by class)",
            "style",
            _values(records, "portrait", "texture_distance_by_class"),
            spread(records, "portrait", "portrait", "texture_distance_by_class"),
        ),
        *kept,
        _alike(records),
    ]


def _alike(records: Records) -> Finding:
    """Compare how far the starts lie apart for photographs with the other tasks."""
    claim = (
        "photographs: all starts give similar results (range of self similarity distances over their mean)"
    )
    ranges: dict[str, float | None] = {}
    for pair in _PAIRS:
        values = [value for value in _values(records, pair, _STRUCTURE).values() if value is not None]
        ranges[pair] = (
            (max(values) - min(values)) / (sum(values) / len(values)) if len(values) == len(_INITS) else None
        )
    others = [value for pair, value in ranges.items() if pair != "photorealistic-2" and value is not None]
    ours = ranges["photorealistic-2"]
    if ours is None or len(others) < len(_PAIRS) - 1:
        return Finding(claim, "not measured", told(ranges))
    return Finding(claim, compared(ours, min(others)), told(ranges))


INITIALISATION = Experiment(
    name="fig6",
    title="Initialisation",
    claim="Portraits are most expressive from the style; other pictures keep their content from the content; "
    "for photographs the start hardly matters.",
    expected="Portrait: texture nearest from the style. Others: structure nearest from the content.",
    cost="24 pictures",
    pairs=_PAIRS,
    panels=_panels,
    judge=_judge,
)
"""Content, style and noise as the start of each task, with its preset's weights."""
