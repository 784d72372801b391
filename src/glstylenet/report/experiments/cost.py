"""Figure 11: the time of an evaluation in each scheme."""

import time
from collections.abc import Mapping
from typing import Any

from glstylenet.bench import PAPER_SECONDS, Schemes, measure_schemes
from glstylenet.pyramid import PAPER_SCHEMES
from glstylenet.report.experiment import Experiment, Finding, Table, compared
from glstylenet.report.figures import drawn_cost
from glstylenet.settings import Settings

__all__ = ["COST"]

_SIZE = (512, 352)  # the paper's
_ROUNDS, _SECONDS_LIMIT, _PAIRS = 3, 10.0, 11
_CORRELATED = 0.7


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
    paper_g_h, paper_g_c = (PAPER_SECONDS["g"] / PAPER_SECONDS[name] for name in ("h", "c"))
    findings = (
        _at_most(
            "(g) is more than 25 % faster than (h) in each evaluation",
            schemes.ratio("g", "h"),
            paper_g_h,
            0.75,
        ),
        _at_most("(g) takes less than 10 % more than (c)", schemes.g_vs_c, paper_g_c, 1.10),
        _fastest(schemes),
        _correlation(schemes),
    )
    heads = ("scheme", "size (h x w x c)", "numbers", "s, here", "to (h), here", "s, paper", "to (h), paper")
    return Table(heads, tuple(rows), findings, time.perf_counter() - began, drawn_cost(schemes))


def _at_most(claim: str, ours: float, paper: float, limit: float) -> Finding:
    return Finding(claim, compared(ours, limit), f"ratio {ours:.2f} here, {paper:.2f} in the paper")


def _fastest(schemes: Schemes) -> Finding:
    seconds = {name: schemes.costs[name].seconds for name in PAPER_SCHEMES}
    others = {name: value for name, value in seconds.items() if name != "c"}
    nearest = min(others, key=lambda name: others[name])
    return Finding(
        "(c) takes the least time of all",
        compared(seconds["c"], others[nearest]),
        f"(c) {seconds['c']:.3f} s, ({nearest}) {others[nearest]:.3f} s",
    )


def _correlation(schemes: Schemes) -> Finding:
    """Return the rank correlation of numbers and seconds here and in the paper's table."""
    from scipy.stats import spearmanr  # noqa: PLC0415 - most of a second to load, for the studio too

    numbers = [schemes.costs[name].pixels for name in PAPER_SCHEMES]
    ours = float(spearmanr(numbers, [schemes.costs[name].seconds for name in PAPER_SCHEMES]).statistic)
    paper = float(spearmanr(numbers, [PAPER_SECONDS[name] for name in PAPER_SCHEMES]).statistic)
    return Finding(
        "seconds rise with the amount of numbers (rank correlation, at least 0.7)",
        "reproduced" if ours >= _CORRELATED else "not reproduced",
        f"{ours:.2f} here, {paper:.2f} in the paper",
    )


def _ignore(_sentence: str) -> None:
    return None


COST = Experiment(
    name="fig11",
    title="Cost of the schemes",
    claim="The full pyramid (g) is more than 25 % faster than two layers apart (h), and takes less than 10 % "
    "more than (c).",
    expected="(g) to (h) about 0.75 and (g) to (c) about 1.10, as in the paper.",
    cost="one to two minutes: every scheme at 512 x 352, a match at every evaluation",
    table=_table,
)
"""The table of the paper, with a column measured here."""
