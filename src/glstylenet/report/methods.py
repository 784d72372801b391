"""Methods: one pair painted by the baselines and by GLStyleNet, beside the published picture.

What the paper compares with and this program does not have (feature transforms, photographic transfer with
networks of their own) is left out: the report names the methods that it shows.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from glstylenet.report.experiment import Finding, Panel, Records, lowest, metric, pair_task, spread
from glstylenet.report.inputs import Gathered
from glstylenet.report.results_file import Task

__all__ = ["METHOD_NAMES", "beside_published", "by_method", "method_panel"]

METHOD_NAMES: Mapping[str, str] = {"gatys": "Gram matrices alone", "neural-doodle": "patches alone"}
"""The baselines: global only and local only, carried out here with GLStyleNet's start and budget."""

_OURS = "GLStyleNet"
_COMPARED = {
    "texture_distance_by_class": "texture",
    "texture_distance": "texture",
    "plausibility_distance": "patches",
    "self_similarity_distance": "structure of the content",
}
"""Metrics that are compared with the published picture, of which less is better."""


def method_panel(
    pair: str, preset: str, gathered: Gathered, shared: Mapping[str, Any], *, baselines: tuple[str, ...]
) -> Panel:
    """Return a panel of one row: each of ``baselines``, GLStyleNet, and the published picture, if any.

    The baselines have the preset's content weights and start, so that only the style losses differ.
    """
    pictures = gathered.pairs[pair]
    ours = pair_task(pair, pictures, preset, shared)
    common = {
        name: getattr(ours.settings, name)
        for name in ("content_weight", "coarse_content", "init", "coarsest")
    }
    tasks = [
        replace(pair_task(pair, pictures, name, shared, **common), name=_baseline(pair, name))
        for name in baselines
    ]
    labels = [f"{METHOD_NAMES[name]} ({name})" for name in baselines]
    tasks.append(ours)
    labels.append(f"{_OURS} ({preset})")
    if pair in gathered.published:
        tasks.append(Task(_published(pair), pictures, ours.settings, preset, cut=gathered.published[pair]))
        labels.append("published by the authors")
    return Panel(pair, pictures, ("",), tuple(labels), (tuple(tasks),))


def by_method(
    records: Records, pair: str, preset: str, baselines: tuple[str, ...], claims: Mapping[str, str]
) -> list[Finding]:
    """Check for each metric in ``claims``, of which less is better, whether GLStyleNet has the lowest."""
    names = {METHOD_NAMES[name]: _baseline(pair, name) for name in baselines} | {_OURS: f"{pair}_{preset}"}
    return [
        lowest(
            f"{claim} ({key.replace('_', ' ')}, {pair})",
            _OURS,
            {label: metric(records, name, key) for label, name in names.items()},
            spread(records, pair, preset, key),
        )
        for key, claim in claims.items()
    ]


def beside_published(records: Records, pair: str, preset: str) -> list[Finding]:
    """Check whether today's picture is nearer than the published one by each metric; none without it."""
    if _published(pair) not in records:
        return []
    ours = f"{pair}_{preset}"
    has_classes = metric(records, ours, "texture_distance_by_class") is not None
    left_out = "texture_distance" if has_classes else "texture_distance_by_class"
    return [
        lowest(
            f"as good as the published picture in its {words} ({key.replace('_', ' ')}, {pair})",
            "today's",
            {
                "today's": metric(records, ours, key),
                "published": metric(records, _published(pair), key),
            },
            spread(records, pair, preset, key),
        )
        for key, words in _COMPARED.items()
        if key != left_out
    ]


def _baseline(pair: str, name: str) -> str:
    return f"{pair}_{name}"


def _published(pair: str) -> str:
    return f"{pair}_published"
