"""Figure 8: the weight of the global loss (gamma)."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records, falls, metric, preset_task
from glstylenet.settings import Pictures

__all__ = ["GLOBAL_WEIGHT"]

_GAMMAS = (0.0, 0.01, 0.1, 1.0, 10.0)


def _name(gamma: float) -> str:
    return f"fig8_gamma-{gamma:g}"


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    pictures = pairs["portrait"]
    # From the content, so that colours come from the loss and not from the start.
    tasks = tuple(
        preset_task(_name(gamma), pictures, "portrait", shared, global_weight=gamma, init="content")
        for gamma in _GAMMAS
    )
    return [Panel("Global weight", pictures, ("",), tuple(f"gamma {gamma:g}" for gamma in _GAMMAS), (tasks,))]


def _judge(records: Records) -> list[Finding]:
    labels = [f"gamma {gamma:g}" for gamma in _GAMMAS]

    def values(key: str) -> list[float | None]:
        return [metric(records, _name(gamma), key) for gamma in _GAMMAS]

    return [
        falls(
            "more gamma brings the colours of the whole nearer to the style's (colour distance)",
            labels,
            values("colour_distance"),
        ),
        falls(
            "more gamma brings the texture of the whole nearer (texture distance)",
            labels,
            values("texture_distance"),
        ),
        falls("too much gamma costs the content's structure (SSIM falls)", labels, values("ssim")),
    ]


GLOBAL_WEIGHT = Experiment(
    name="fig8",
    title="Global weight gamma",
    source="paper, Figure 8",
    claim="Without the global loss colours are inconsistent; with it the picture hangs together; too much "
    "loses local detail.",
    expected="Colour and texture of the whole come nearer to the style's as gamma rises.",
    cost="5 pictures",
    pairs=("portrait",),
    panels=_panels,
    judge=_judge,
)
"""gamma from 0 to ten times the published one, started from the content."""
