"""Loss terms: the terms of Eq. 8 as charts and pages show them.

Stands in for ``glstylenet.objective.TERMS``, which has the same names, order and attributes.
"""

from dataclasses import dataclass

__all__ = ["TERMS", "LossTerm"]


@dataclass(frozen=True)
class LossTerm:
    """One term: ``name`` in JSON, ``symbol`` and ``setting`` of its weight, ``label`` for people, and the
    ``colour`` of its curve on light paper, ``dark_colour`` on dark."""

    name: str
    symbol: str
    setting: str
    label: str
    colour: str
    dark_colour: str


# Near the colours of Okabe and Ito, which colour-blind people can tell apart.
TERMS = (
    LossTerm("content", "alpha", "content_weight", "content", "#0072b2", "#56b4e9"),
    LossTerm("local", "beta", "local_weight", "local", "#d55e00", "#e69f00"),
    LossTerm("global", "gamma", "global_weight", "global", "#009e73", "#2fc79a"),
    LossTerm("smoothness", "sigma", "smoothness", "smoothness", "#c46e9f", "#e59cc5"),
)
"""Every term, in the order of Eq. 8."""
