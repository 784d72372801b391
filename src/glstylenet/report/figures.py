"""Figures: the paper's drawings that hold no painted picture, as SVG for the report."""

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from glstylenet.bench import PAPER_SECONDS, Schemes
from glstylenet.network import LAYER_CHANNELS, layer_size
from glstylenet.pyramid import PAPER_SCHEMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["drawn_cost", "drawn_schemes"]

_OURS, _PAPERS = "#20639b", "#9a9a9a"
_BOX = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": _OURS}
_FUSED_BOX = {**_BOX, "facecolor": "#dce8f2"}
_ARROW = {"arrowstyle": "->", "color": "#444444"}


def drawn_cost(schemes: Schemes) -> str:
    """Draw Figure 11's chart, seconds against the amount of numbers, as a ``data:`` address."""
    figure = _figure(8.0, 3.6)
    here, paper = figure.subplots(1, 2)
    names = sorted(PAPER_SCHEMES, key=lambda name: schemes.costs[name].pixels)
    numbers = {name: schemes.costs[name].pixels / 1e6 for name in names}
    _line(here, "here", {name: (numbers[name], schemes.costs[name].seconds) for name in names}, _OURS)
    _line(paper, "paper", {name: (numbers[name], PAPER_SECONDS[name]) for name in names}, _PAPERS)
    return _address(figure)


def drawn_schemes(size: tuple[int, int], classes: int) -> str:
    """Draw Figure 10, the flow of every scheme with its sizes, as a ``data:`` address.

    Each box is a feature with its (height, width, channels) for a picture of ``size`` with a map of
    ``classes``; an arrow resizes it to the next deeper one's size and concatenates both.
    """
    figure = _figure(10.0, 10.0)
    grid = figure.subplots(4, 2).flatten()
    for axes, (name, scheme) in zip(grid, PAPER_SCHEMES.items(), strict=True):
        axes.set_axis_off()
        axes.set_xlim(0, 4.2)
        axes.set_ylim(-0.2, 2.2)
        axes.set_title(f"({name})", loc="left", fontsize=10)
        for row, group in enumerate(scheme.groups):
            _draw_flow(axes, group, size, classes, upper=1.6 - 1.1 * row, alone=len(scheme.groups) > 1)
    return _address(figure)


def _draw_flow(
    axes: "Axes", group: tuple[int, ...], size: tuple[int, int], classes: int, *, upper: float, alone: bool
) -> None:
    """Draw one group: its layers in a row at ``upper``, and below them what has been fused up to each."""
    lower = upper - 0.55 if alone else upper - 1.0
    channels = 0
    for place, layer in enumerate(group):
        x = 0.55 + 1.03 * place
        height, width = layer_size(size, layer)
        own = LAYER_CHANNELS[layer] + classes
        channels += own
        _box(axes, x, upper, f"conv{layer}_1\n{height} x {width} x {own}", _BOX)
        if place == 0 and len(group) > 1:
            _arrow(axes, (x, upper - 0.22), (x + 0.8, lower + 0.1))
            continue
        _arrow(axes, (x, upper - 0.22), (x, lower + 0.18))
        if place > 1:
            _arrow(axes, (x - 0.6, lower), (x - 0.43, lower))
        _box(axes, x, lower, f"{height} x {width} x {channels}", _FUSED_BOX)


def _box(axes: "Axes", x: float, y: float, text: str, box: dict[str, str]) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=6.5, bbox=box)


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops=_ARROW)


def _line(axes: "Axes", title: str, points: Mapping[str, tuple[float, float]], colour: str) -> None:
    """Draw a line through the points (numbers, seconds) of the schemes."""
    numbers, seconds = zip(*points.values(), strict=True)
    axes.plot(numbers, seconds, "o-", color=colour)
    for place, (name, x, y) in enumerate(zip(points, numbers, seconds, strict=True)):
        # Above and below in turns: (f), (d) and (g) are close together.
        offset = (0, 6) if place % 2 == 0 else (0, -13)
        axes.annotate(f"({name})", (x, y), textcoords="offset points", xytext=offset, fontsize=8, ha="center")
    axes.margins(0.08)
    axes.set_title(title)
    axes.set_xlabel("million numbers")
    axes.set_ylabel("seconds per evaluation")
    axes.set_ylim(bottom=0)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow

    return Figure(figsize=(width, height), layout="constrained")


def _address(figure: "Figure") -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
