"""Figures 8 and 12: the weight of the global loss (gamma), of a portrait and of a Chinese painting."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import (
    Experiment,
    Finding,
    Panel,
    Records,
    falls,
    lowest,
    metric,
    pair_task,
    rises,
    spread,
)
from glstylenet.report.inputs import Gathered
from glstylenet.report.results_file import Task
from glstylenet.settings import Pictures

__all__ = ["CHINESE_GLOBAL_WEIGHT", "GLOBAL_WEIGHT"]

_GAMMAS = (10.0, 1.0, 0.3, 0.03)
"""The combinations of Figure 8; 0.3 is the portrait preset's."""
_CHINESE_GAMMAS = (0.0, 0.5, 5.0)
"""Figure 12; 0.5 is the preset's."""


def _gamma(pictures: Pictures, shared: Mapping[str, Any], **changes: object) -> Task:
    # From the content, so that colours come from the loss and not from the start.
    return pair_task("portrait", pictures, "portrait", shared, init="content", **changes)


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    pictures = gathered.pairs["portrait"]
    tasks = (
        _gamma(pictures, shared, local_weight=0.0, voting="none"),
        *(_gamma(pictures, shared, global_weight=gamma) for gamma in (*_GAMMAS, 0.0)),
    )
    labels = ("only global (beta 0)", *(f"gamma {gamma:g}" for gamma in _GAMMAS), "only local (gamma 0)")
    return [Panel("From only global to only local", pictures, ("",), labels, (tasks,))]


def _judge(records: Records) -> list[Finding]:
    start = "portrait_portrait_init-content"

    def at(gamma: float, key: str) -> float | None:
        return metric(records, f"{start}_global-weight-{gamma:g}", key)

    def by_chance(key: str) -> float | None:
        return spread(records, "portrait", "portrait", key)

    def ends(key: str) -> dict[str, float | None]:
        together = [value for gamma in _GAMMAS if (value := at(gamma, key)) is not None]
        return {
            "only global": metric(records, f"{start}_local-weight-0_voting-none", key),
            "together, the best": min(together) if len(together) == len(_GAMMAS) else None,
            "only local": at(0.0, key),
        }

    return [
        *(
            lowest(
                f"together they are better than either alone ({key.replace('_', ' ')})",
                "together, the best",
                ends(key),
                by_chance(key),
            )
            for key in ("texture_distance_by_class", "colour_distance_by_class", "coverage_distance")
        ),
        falls(
            "gamma improves the style's detail (texture distance by class)",
            ["gamma 0", "gamma 0.3"],
            [at(0.0, "texture_distance_by_class"), at(0.3, "texture_distance_by_class")],
            by_chance("texture_distance_by_class"),
        ),
        falls(
            "gamma raises the semantic awareness (leaks)",
            ["gamma 0", "gamma 0.3", "gamma 1"],
            [at(0.0, "leaks"), at(0.3, "leaks"), at(1.0, "leaks")],
            by_chance("leaks"),
        ),
    ]


GLOBAL_WEIGHT = Experiment(
    name="fig8",
    title="Global weight gamma, from only global to only local",
    claim="Neither the fused features' Gram matrices alone nor their patches alone satisfy; a careful gamma "
    "improves the result much.",
    expected="The best of the middle columns is nearer to the style than either end.",
    cost="9 pictures",
    pairs={"portrait": "portrait"},
    panels=_panels,
    judge=_judge,
)
"""beta 0, then gamma from 10 to 0, started from the content."""


def _chinese_panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    pictures = gathered.pairs["chinese"]
    tasks = tuple(
        pair_task("chinese", pictures, "chinese-painting", shared, global_weight=gamma)
        for gamma in _CHINESE_GAMMAS
    )
    labels = tuple(f"gamma {gamma:g}" for gamma in _CHINESE_GAMMAS)
    return [Panel("Global weight", pictures, ("",), labels, (tasks,))]


def _judge_chinese(records: Records) -> list[Finding]:
    labels = [f"gamma {gamma:g}" for gamma in _CHINESE_GAMMAS]

    def values(key: str) -> list[float | None]:
        return [
            metric(records, f"chinese_chinese-painting_global-weight-{gamma:g}", key)
            for gamma in _CHINESE_GAMMAS
        ]

    def by_chance(key: str) -> float | None:
        return spread(records, "chinese", "chinese-painting", key)

    return [
        rises(
            "colours are richer with more of the global loss (colourfulness)",
            labels,
            values("colourfulness"),
            by_chance("colourfulness"),
        ),
        falls(
            "and nearer to the style's (colour distance)",
            labels,
            values("colour_distance"),
            by_chance("colour_distance"),
        ),
        rises(
            "a high gamma makes the picture abstract: details are missing (self similarity distance)",
            labels[1:],
            values("self_similarity_distance")[1:],
            by_chance("self_similarity_distance"),
        ),
    ]


CHINESE_GLOBAL_WEIGHT = Experiment(
    name="fig12",
    title="Global weight gamma, Chinese painting",
    claim="Colours become richer as gamma rises; the picture becomes abstract and loses details when it is "
    "high.",
    expected="Colourfulness rises, and at the highest gamma structure is lost.",
    cost="6 pictures",
    pairs={"chinese": "chinese-painting"},
    panels=_chinese_panels,
    judge=_judge_chinese,
)
"""Without the global loss, with the preset's, and with ten times that."""
