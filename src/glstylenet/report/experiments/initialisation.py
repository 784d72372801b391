"""Figure 6: where the optimisation starts."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records, lowest, metric, preset_task
from glstylenet.settings import Pictures

__all__ = ["INITIALISATION"]

_INITS = ("content", "style", "noise")


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    pictures = pairs["portrait"]
    tasks = tuple(preset_task(f"fig6_{init}", pictures, "portrait", shared, init=init) for init in _INITS)
    return [Panel("Start", pictures, ("",), tuple(f"init {init}" for init in _INITS), (tasks,))]


def _judge(records: Records) -> list[Finding]:
    def values(key: str) -> dict[str, float | None]:
        return {init: metric(records, f"fig6_{init}", key) for init in _INITS}

    return [
        lowest(
            "a portrait that starts from the style is nearest to the style (texture distance by class)",
            "style",
            values("texture_distance_by_class"),
        ),
        lowest(
            "and its regions stay apart best (leaks)",
            "style",
            values("leaks"),
        ),
    ]


INITIALISATION = Experiment(
    name="fig6",
    title="Initialisation",
    source="paper, Figure 6",
    claim="For portraits the style picture is the better start; for other pictures the content is.",
    expected="From the style: nearest to its texture. From noise: least like the content.",
    cost="3 pictures",
    pairs=("portrait",),
    panels=_panels,
    judge=_judge,
)
"""Content, style and noise as the start of a portrait, with the portrait preset's weights."""
