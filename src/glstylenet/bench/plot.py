"""Plot: the times of the schemes beside the paper's, and the scaling, as one picture."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glstylenet.bench.report import Report
from glstylenet.bench.scaling import Scaling
from glstylenet.bench.schemes import PAPER_SECONDS, Schemes
from glstylenet.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOT_SIZE", "drawn_report", "require_matplotlib"]

PLOT_SIZE = (600, 1400)
"""(height, width) of the picture, in pixels."""
_DOTS_PER_INCH = 100
_OURS, _PAPERS = "#20639b", "#c8c8c8"


def require_matplotlib() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib, which is not installed; install it with: "
            "pip install 'glstylenet[report]'"
        ) from error


def drawn_report(report: Report) -> Tensor:
    """Draw the plots as a picture (1, 3, H, W), 0..255, of :data:`PLOT_SIZE`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, and slow
    from matplotlib.figure import Figure  # noqa: PLC0415

    height, width = PLOT_SIZE
    figure = Figure(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
    figure.subplots_adjust(left=0.06, right=0.98, bottom=0.1, top=0.92, wspace=0.25)
    canvas = FigureCanvasAgg(figure)
    bars, seconds, memory = figure.subplots(1, 3)
    if report.schemes is not None:
        _draw_schemes(bars, report.schemes)
    if report.scaling is not None:
        _draw_seconds(seconds, report.scaling)
        _draw_memory(memory, report.scaling)
    canvas.draw()  # type: ignore[no-untyped-call]
    colours = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return torch.from_numpy(colours).permute(2, 0, 1)[None].float()


def _draw_schemes(axes: "Axes", schemes: Schemes) -> None:
    """Draw the times relative to scheme (h): the paper used another machine, but ratios can be compared."""
    names = list(schemes.costs)
    places = np.arange(len(names))
    ours = [schemes.ratio(name, "h") for name in names]
    papers = [PAPER_SECONDS[name] / PAPER_SECONDS["h"] for name in names]
    axes.bar(places - 0.2, ours, 0.4, label="here", color=_OURS)
    axes.bar(places + 0.2, papers, 0.4, label="paper", color=_PAPERS)
    axes.set_xticks(places, [f"({name})" for name in names])
    axes.set_yscale("log")  # (a) takes ten times as long as the others, which would be thin lines
    axes.yaxis.set_major_formatter("{x:g}")
    axes.axhline(1.0, color="black", linewidth=0.8)
    height, width = schemes.size
    axes.set_title(f"Aggregation schemes, {height} x {width}")
    axes.set_ylabel("seconds per evaluation, relative to (h)")
    axes.legend(frameon=False)


def _draw_seconds(axes: "Axes", scaling: Scaling) -> None:
    """Draw the measured points and the fitted line, both axes logarithmic."""
    megapixels = _megapixels(scaling)
    seconds = np.array([point.seconds for point in scaling.points])
    exponent = scaling.exponent
    factor = np.exp(np.mean(np.log(seconds) - exponent * np.log(megapixels)))
    axes.plot(megapixels, factor * megapixels**exponent, color=_PAPERS, label=f"pixels^{exponent:.3f}")
    axes.plot(megapixels, seconds, "o", color=_OURS, label="measured")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_title("Time")
    axes.set_ylabel("seconds per evaluation")
    axes.legend(frameon=False)
    _count_megapixels(axes, scaling)


def _draw_memory(axes: "Axes", scaling: Scaling) -> None:
    peaks = [point.peak_memory_bytes / 2**30 for point in scaling.points]
    axes.plot(_megapixels(scaling), peaks, "o-", color=_OURS)
    axes.set_ylim(bottom=0)
    axes.set_title("Memory")
    axes.set_ylabel("peak, GiB")
    _count_megapixels(axes, scaling)


def _megapixels(scaling: Scaling) -> npt.NDArray[np.float64]:
    return np.array([point.size[0] * point.size[1] / 1e6 for point in scaling.points])


def _count_megapixels(axes: "Axes", scaling: Scaling) -> None:
    """Make the horizontal axis logarithmic, with a tick at every point."""
    axes.set_xscale("log")
    axes.set_xticks(_megapixels(scaling), [f"{point.megapixels:g}" for point in scaling.points])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("megapixels")
