"""Figure 7: the weights of patches (beta) and of maps (beta1)."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Experiment, Finding, Panel, Records, falls, metric, preset_task
from glstylenet.settings import Pictures

__all__ = ["LOCAL_WEIGHTS"]

_BETAS, _BETA1S = (50, 100, 500), (1, 10, 50)
"""The figure varies the same two; these values span the published ones, 100 and 500, and 2.5 and 10."""


def _name(beta: int, beta1: int) -> str:
    return f"fig7_beta-{beta}_beta1-{beta1}"


def _panels(pairs: Mapping[str, Pictures], shared: Mapping[str, Any]) -> list[Panel]:
    pictures = pairs["portrait"]
    rows = tuple(
        tuple(
            preset_task(
                _name(beta, beta1), pictures, "portrait", shared, local_weight=beta, semantic_weight=beta1
            )
            for beta1 in _BETA1S
        )
        for beta in _BETAS
    )
    labels = tuple(f"beta {beta}" for beta in _BETAS)
    return [Panel("Local weights", pictures, labels, tuple(f"beta1 {each}" for each in _BETA1S), rows)]


def _mean(records: Records, key: str, *, beta: int | None = None, beta1: int | None = None) -> float | None:
    """Return the mean of a metric over the row of ``beta`` or the column of ``beta1``."""
    names = [_name(b, b1) for b in _BETAS for b1 in _BETA1S if beta in (None, b) and beta1 in (None, b1)]
    values = [metric(records, name, key) for name in names]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _judge(records: Records) -> list[Finding]:
    betas, beta1s = [f"beta {each}" for each in _BETAS], [f"beta1 {each}" for each in _BETA1S]
    return [
        falls(
            "more beta brings more of the style's patches (plausibility distance, mean of a row)",
            betas,
            [_mean(records, "plausibility_distance", beta=beta) for beta in _BETAS],
        ),
        falls(
            "more beta brings the texture nearer (texture distance by class, mean of a row)",
            betas,
            [_mean(records, "texture_distance_by_class", beta=beta) for beta in _BETAS],
        ),
        falls(
            "more beta1 keeps regions to their own kind (leaks, mean of a column)",
            beta1s,
            [_mean(records, "leaks", beta1=beta1) for beta1 in _BETA1S],
        ),
        falls(
            "more beta1 gives each region its own colours (colour distance by class, mean of a column)",
            beta1s,
            [_mean(records, "colour_distance_by_class", beta1=beta1) for beta1 in _BETA1S],
        ),
    ]


LOCAL_WEIGHTS = Experiment(
    name="fig7",
    title="Local weight beta and semantic weight beta1",
    source="paper, Figure 7",
    claim="beta decides how much of the style's local patterns is seen, beta1 how strictly regions are kept.",
    expected="Down a column texture comes nearer to the style's; along a row fewer matches leak.",
    cost="9 pictures",
    pairs=("portrait",),
    panels=_panels,
    judge=_judge,
)
"""A grid of both weights, all else as in the portrait preset."""
