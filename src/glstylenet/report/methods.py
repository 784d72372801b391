"""Methods: one pair painted by the baselines and by GLStyleNet, side by side."""

from collections.abc import Mapping
from typing import Any

from glstylenet.report.experiment import Finding, Panel, Records, lowest, metric, preset_task
from glstylenet.settings import Pictures

__all__ = ["OURS", "by_method", "method_panel"]

OURS = "glstylenet"
"""The name of GLStyleNet in tasks and labels."""

_BASELINES = ("gatys", "neural-doodle")


def method_panel(
    figure: str,
    pair: str,
    pictures: Pictures,
    preset: str,
    shared: Mapping[str, Any],
    *,
    baselines: tuple[str, ...] = _BASELINES,
) -> Panel:
    """Return a panel of one row: each of ``baselines``, then GLStyleNet with ``preset``.

    The baselines have the preset's content weights and start, so that only the style losses differ.
    """
    ours = preset_task(f"{figure}_{pair}_{OURS}", pictures, preset, shared)
    common = {
        name: getattr(ours.settings, name)
        for name in ("content_weight", "coarse_content", "init", "coarsest")
    }
    tasks = [preset_task(f"{figure}_{pair}_{name}", pictures, name, shared, **common) for name in baselines]
    labels = (*baselines, f"{OURS} ({preset})")
    return Panel(pair, pictures, ("",), labels, ((*tasks, ours),))


def by_method(records: Records, figure: str, pair: str, claims: Mapping[str, str]) -> list[Finding]:
    """Check for each metric in ``claims``, of which less is better, whether GLStyleNet has the lowest."""
    start = f"{figure}_{pair}_"
    names = [name for name in records if name.startswith(start)]
    return [
        lowest(
            f"{pair}: GLStyleNet {claim} ({key.replace('_', ' ')})",
            OURS,
            {name.removeprefix(start): metric(records, name, key) for name in names},
        )
        for key, claim in claims.items()
    ]
