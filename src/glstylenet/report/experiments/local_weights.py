"""Figure 7: the weights of patches (beta) and of maps (beta1), started from the style as in the paper."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import (
    Experiment,
    Finding,
    Panel,
    Records,
    compared,
    falls,
    metric,
    pair_task,
    rises,
    spread,
    told,
)
from glstylenet.report.inputs import Gathered

__all__ = ["LOCAL_WEIGHTS"]

_BETAS, _BETA1S = (10.0, 100.0, 500.0, 5000.0), (0.0, 0.2, 20.0, 200.0)
"""The paper prints no values; these go a factor of ten beyond the preset's, 500 and 20, and far below."""


def _panels(gathered: Gathered, shared: Mapping[str, Any]) -> list[Panel]:
    pictures = gathered.pairs["portrait"]

    def row(setting: str, values: tuple[float, ...], symbol: str) -> Panel:
        tasks = tuple(
            pair_task("portrait", pictures, "portrait", shared, init="style", **{setting: value})
            for value in values
        )
        labels = tuple(f"{symbol} {value:g}" for value in values)
        return Panel(f"{symbol} rises", pictures, ("",), labels, (tasks,))

    return [row("local_weight", _BETAS, "beta"), row("semantic_weight", _BETA1S, "beta1")]


def _value(records: Records, setting: str, value: float, key: str) -> float | None:
    return metric(records, f"portrait_portrait_init-style_{setting}-{value:g}", key)


def _judge(records: Records) -> list[Finding]:
    def betas(key: str, values: tuple[float, ...] = _BETAS) -> list[float | None]:
        return [_value(records, "local-weight", each, key) for each in values]

    def beta1s(key: str, values: tuple[float, ...] = _BETA1S) -> list[float | None]:
        return [_value(records, "semantic-weight", each, key) for each in values]

    def by_chance(key: str) -> float | None:
        return spread(records, "portrait", "portrait", key)

    names, names1 = [f"beta {each:g}" for each in _BETAS], [f"beta1 {each:g}" for each in _BETA1S]
    return [
        falls(
            "more of the style's detail as beta rises (texture distance by class)",
            names,
            betas("texture_distance_by_class"),
            by_chance("texture_distance_by_class"),
        ),
        rises(
            "too high a beta brings glitches (glitches)",
            names[2:],
            betas("glitches", _BETAS[2:]),
            by_chance("glitches"),
        ),
        falls(
            "too high a beta tears the picture (coherence)",
            names[2:],
            betas("coherence", _BETAS[2:]),
            by_chance("coherence"),
        ),
        falls("regions are kept apart as beta1 rises (leaks)", names1, beta1s("leaks"), by_chance("leaks")),
        _reverts(names1, beta1s("leaks")),
        rises(
            "too high a beta1 lowers the quality of the style (plausibility distance)",
            names1[2:],
            beta1s("plausibility_distance", _BETA1S[2:]),
            by_chance("plausibility_distance"),
        ),
    ]


def _reverts(names: list[str], leaks: list[float | None]) -> Finding:
    """Compare the step from no map to a weak one with the step from a weak one to the preset's."""
    claim = "as beta1 falls, the method reverts to its unaware version (leaks: nearer to those at 0)"
    without, weak, preset, _high = leaks
    if without is None or weak is None or preset is None:
        return Finding(claim, "not measured", told(dict(zip(names, leaks, strict=True))))
    verdict = compared(abs(weak - without), abs(preset - without))
    return Finding(claim, verdict, told(dict(zip(names, leaks, strict=True))))


LOCAL_WEIGHTS = Experiment(
    name="fig7",
    title="Local weight beta and semantic weight beta1",
    claim="beta brings the style's detail, too much of it glitches; beta1 keeps regions apart, too much of "
    "it costs the style's quality.",
    expected="Texture comes nearer along the first row, leaks fall along the second.",
    cost="11 pictures",
    pairs={"portrait": "portrait"},
    panels=_panels,
    judge=_judge,
)
"""One weight varied at a time, all else as in the portrait preset."""
