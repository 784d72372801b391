"""Figure 11: the time of an evaluation in each scheme."""

import time
from collections.abc import Mapping
from typing import Any

from glstylenet.bench import PAPER_SECONDS, measure_schemes
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.report.experiment import Experiment, Finding, Table
from glstylenet.settings import Settings

__all__ = ["COST"]

_SIZE = (512, 352)  # the paper's
_ROUNDS, _SECONDS_LIMIT, _PAIRS = 3, 10.0, 11


def _table(shared: Mapping[str, Any]) -> Table:
    began = time.perf_counter()
    settings = Settings(
        **{name: value for name, value in shared.items() if name in ("device", "precision", "weights")}
    )
    schemes = measure_schemes(
        _SIZE, settings, rounds=_ROUNDS, seconds_limit=_SECONDS_LIMIT, pairs=_PAIRS, emit=_ignore
    )
    rows = []
    for name in PAPER_SCHEMES:
        cost = schemes.costs[name]
        shapes = " + ".join(f"{height} x {width} x {channels}" for height, width, channels in cost.shapes)
        paper = PAPER_SECONDS[name]
        rows.append(
            (
                f"({name})",
                shapes,
                f"{cost.pixels:,}",
                f"{cost.seconds:.3f}",
                f"{schemes.ratio(name, 'h'):.2f}",
                f"{paper:.3f}",
                f"{paper / PAPER_SECONDS['h']:.2f}",
            )
        )
    findings = (
        _at_most(
            "(g) takes less time than (h)",
            schemes.ratio("g", "h"),
            PAPER_SECONDS["g"] / PAPER_SECONDS["h"],
            1.0,
        ),
        _at_most(
            "(g) takes little more than (c), its deepest layer alone",
            schemes.g_vs_c,
            PAPER_SECONDS["g"] / PAPER_SECONDS["c"],
            1.2,
        ),
    )
    heads = ("scheme", "size (h x w x c)", "numbers", "s, here", "to (h), here", "s, paper", "to (h), paper")
    return Table(heads, tuple(rows), findings, time.perf_counter() - began)


def _at_most(claim: str, ours: float, paper: float, limit: float) -> Finding:
    return Finding(claim, ours <= limit, f"ratio {ours:.2f} here, {paper:.2f} in the paper")


def _ignore(_sentence: str) -> None:
    return None


COST = Experiment(
    name="fig11",
    title="Cost of the schemes",
    source="paper, Figure 11",
    claim="Fusion makes the full pyramid (g) cheaper than two layers apart (h), and hardly dearer than (c).",
    expected="(g) to (h) about 0.75 and (g) to (c) about 1.10, as in the paper.",
    cost="one to two minutes: every scheme at 512 x 352, a match at every evaluation",
    table=_table,
)
"""The table of the paper, with a column measured here."""
