"""Charts of the loss by class and of the loss curve, and lines of text, drawn with matplotlib into memory."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from glstylenet.errors import UsageError
from glstylenet.explain.class_losses import ClassLosses
from glstylenet.explain.curve import LossCurve
from glstylenet.objective import TERMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["class_chart", "curve_chart", "drawn_text", "require_matplotlib"]

_DOTS_PER_INCH = 144


@dataclass(frozen=True)
class _Theme:
    paper: str
    ink: str
    faint: str
    bar: str


_LIGHT = _Theme("#ffffff", "#1c1c1e", "#b8b8bd", "#0072b2")
_DARK = _Theme("#1d1e22", "#ececf0", "#5d5f66", "#56b4e9")


def require_matplotlib() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "--explain needs matplotlib, which is not installed; install it with: "
            "pip install 'glstylenet[report]'"
        ) from error


def curve_chart(curve: LossCurve, *, dark: bool = False) -> Image.Image:
    """Draw the weighted terms and their total over the evaluations, on a logarithmic scale.

    A scale begins at a full line, a round of matching at a dotted one. Values of 0 have no place on a
    logarithmic scale and are left out. A run without evaluations has no curve, and the chart says so.
    """
    theme = _DARK if dark else _LIGHT
    if not curve.points:
        figure = _figure(9.0, 1.2, theme)
        words = "No curve: the style's strokes were copied and not optimised."
        figure.text(0.5, 0.5, words, ha="center", va="center", color=theme.ink)
        return _drawn(figure)
    figure = _figure(9.0, 4.2, theme)
    figure.subplots_adjust(left=0.09, right=0.84, bottom=0.13, top=0.88)
    axes = figure.subplots()
    _style_axes(axes, theme)
    for evaluation in curve.round_starts():
        axes.axvline(evaluation - 0.5, color=theme.faint, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    for evaluation in curve.scale_starts():
        axes.axvline(evaluation - 0.5, color=theme.faint, linewidth=1.2, zorder=0)
        height, width = curve.scales[_scale_at(curve, evaluation) - 1].size
        axes.annotate(
            f"{width} × {height}",
            (evaluation - 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 4),
            textcoords="offset points",
            fontsize=8,
            color=theme.ink,
        )
    evaluations = [point.evaluation for point in curve.points]
    lines = [(term.name, term.label, term.dark_colour if dark else term.colour) for term in TERMS]
    for name, label, colour in (*lines, ("total", "total", theme.ink)):
        values = np.array([point.terms.as_dict()[name] for point in curve.points])
        if (values > 0).any():
            axes.plot(
                evaluations,
                np.where(values > 0, values, np.nan),
                color=colour,
                linewidth=2.2 if name == "total" else 1.5,
                marker="o" if len(curve.points) == 1 else None,
                label=label,
            )
    axes.set_yscale("log")
    axes.set_xlim(0.5, max(evaluations) + 0.5)
    axes.set_xlabel("evaluation", color=theme.ink)
    axes.set_ylabel("weighted loss", color=theme.ink)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), labelcolor=theme.ink)
    return _drawn(figure)


def class_chart(classes: "Sequence[ClassLosses]", *, dark: bool = False) -> Image.Image:
    """Draw bars for each class.

    They show its share of the picture, of the local and of the content term, its local loss relative to the
    picture's average, and the share of its matches that lie in another class.
    """
    theme = _DARK if dark else _LIGHT
    figure = _figure(9.6, 1.3 + 0.36 * len(classes), theme)
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.5 / height, top=1.0 - 0.5 / height, wspace=0.16)
    local, content = sum(each.local for each in classes), sum(each.content for each in classes)
    columns: dict[str, list[float | None]] = {
        "of the picture": [100.0 * each.share for each in classes],
        "of the local term": [100.0 * each.local / local if local else None for each in classes],
        "of the content term": [100.0 * each.content / content if content else None for each in classes],
        "local, × average": [
            each.local_mean / local if local and each.local_mean is not None else None for each in classes
        ],
        "matches leaving": [None if each.leaving is None else 100.0 * each.leaving for each in classes],
    }
    names = ["whole" if each.colour is None else f"{each.number}  {each.colour}" for each in classes]
    colours = [each.colour or theme.bar for each in classes]
    for axes, (title, values) in zip(
        figure.subplots(1, len(columns), sharey=True), columns.items(), strict=True
    ):
        _style_axes(axes, theme)
        is_share = "×" not in title
        axes.barh(
            names, [value or 0.0 for value in values], color=colours, edgecolor=theme.ink, linewidth=0.7
        )
        axes.set_title(title, fontsize=9, color=theme.ink, loc="left")
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        axes.set_ylim(len(classes) - 0.5, -0.5)
        longest = max([value for value in values if value is not None], default=0.0) or 1.0
        axes.set_xlim(0.0, 1.55 * longest)
        for place, value in enumerate(values):
            words = "–" if value is None else f"{value:.1f} %" if is_share else f"{value:.2f}"
            axes.text((value or 0.0) + 0.05 * longest, place, words, va="center", fontsize=8, color=theme.ink)
        axes.spines["bottom"].set_visible(False)
    return _drawn(figure)


def drawn_text(text: str, width: int) -> Image.Image:
    """Draw ``text`` on white, ``width`` pixels wide and as high as needed."""
    size = min(64, max(13, width // 60))  # of a letter, in pixels
    lines = textwrap.wrap(text, max(10, int((width - 2 * size) / (0.56 * size))))
    height = round(1.45 * size * len(lines) + size)
    figure = _figure(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH, _LIGHT)
    figure.text(
        size / width,
        0.5,
        "\n".join(lines),
        fontsize=size * 72 / _DOTS_PER_INCH,
        va="center",
        linespacing=1.35,
        color=_LIGHT.ink,
        parse_math=False,
    )
    return _drawn(figure).resize((width, height))


def _scale_at(curve: LossCurve, evaluation: int) -> int:
    return next(point.scale for point in curve.points if point.evaluation == evaluation)


def _figure(width: float, height: float, theme: _Theme) -> "Figure":
    """Create a figure of ``width`` x ``height`` inches that is drawn into memory."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, and slow
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def _style_axes(axes: "Axes", theme: _Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink, which="both", labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(theme.faint)


def _drawn(figure: "Figure") -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
