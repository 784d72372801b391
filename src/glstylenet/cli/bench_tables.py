"""The report of the benchmark as tables."""

import io
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from glstylenet.bench import (
    PAPER_SECONDS,
    PLANS,
    BusyMachine,
    Environment,
    Overhead,
    RelativeTime,
    Report,
    Scaling,
    Schemes,
    Speedup,
    TimeToQuality,
)
from glstylenet.cli.durations import duration
from glstylenet.memory import format_bytes

__all__ = ["format_report"]

_WIDTH = 100


def format_report(report: Report) -> str:
    """Return the tables of ``report`` as plain text, with the environment above them."""
    sections: list[Table | str] = [_environment(report.environment, report.mode)]
    sections.append(_summary(report))
    if report.overhead is not None:
        sections += [_scales(report.overhead), _parts(report.overhead)]
    if report.speedup is not None:
        sections.append(_speedup(report.speedup))
    if report.time_to_quality is not None:
        sections.append(_quality(report.time_to_quality))
    times = {"first picture": report.first_picture, "vote": report.vote}
    if any(times.values()):
        sections.append(_relative_times(times))
    if report.schemes is not None:
        sections.append(_schemes(report.schemes))
    if report.scaling is not None:
        sections.append(_scaling(report.scaling))
    if report.busy_machine is not None:
        sections.append(_busy_machine(report.busy_machine))
    text = io.StringIO()
    console = Console(file=text, width=_WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    for number, section in enumerate(sections):
        if number:
            console.print()
        console.print(section, soft_wrap=isinstance(section, str))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _environment(machine: Environment, mode: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    computes = machine.device if machine.gpu is None else f"{machine.device} ({machine.gpu})"
    return "\n".join(
        (
            f"mode       {mode}",
            f"machine    {machine.processor}, {machine.cores} cores, {format_bytes(machine.memory_bytes)}",
            f"system     {machine.platform}",
            f"computing  on {computes}, threads {machine.threads}, precision {machine.precision}",
            f"versions   {versions}",
        )
    )


def _summary(report: Report) -> Table:
    """Return the table of the main figures, each beside its target."""
    overhead, speedup, schemes, scaling = report.overhead, report.speedup, report.schemes, report.scaling
    busy = report.busy_machine
    whole = PLANS["full"].literal_evaluations
    quality, first_picture, vote = report.time_to_quality, report.first_picture, report.vote
    shorter = speedup is not None and speedup.literal.granted < whole
    # After fewer evaluations the literal method has not yet come to where it falls slowly.
    after = f", after {whole} evaluations" if shorter else ""
    smaller = first_picture is not None and max(first_picture.size) < PLANS["full"].preview_size
    at = f", at {PLANS['full'].preview_size} pixels" if smaller else ""
    rows: list[tuple[str, float | None, str]] = [
        ("overhead over the bare network", None if overhead is None else overhead.ratio, "at most 1.25"),
        (
            "speedup over the literal method",
            None if speedup is None else speedup.ratio,
            f"at least 15{after}",
        ),
        (
            "speedup until the same quality",
            None if quality is None else quality.ratio,
            f"at least 40{after}",
        ),
        (
            "first picture, in evaluations",
            None if first_picture is None else first_picture.evaluations,
            f"at most 6{at}",
        ),
        ("vote, in evaluations", None if vote is None else vote.evaluations, "at most 2"),
        ("scheme (g) / (h)", None if schemes is None else schemes.ratio("g", "h"), "at most 0.75"),
        ("scheme (g) / (c)", None if schemes is None else schemes.g_vs_c, "at most 1.10"),
        ("exponent of time over pixels", None if scaling is None else scaling.exponent, "at most 1.05"),
        ("threads / one, beside a program", None if busy is None else busy.ratio, "at most 1.10"),
    ]
    cells = [(name, "-" if value is None else f"{value:.4g}", target) for name, value, target in rows]
    return _table("Figures", ("figure", "here", "target"), cells)


def _scales(overhead: Overhead) -> Table:
    cells = [
        (
            f"{scale.size[0]} x {scale.size[1]}",
            str(scale.evaluations),
            f"{scale.seconds / max(1, scale.evaluations):.4g}",
            f"{scale.bare_seconds:.4g}",
            f"{scale.bare_before:.4g}, {scale.bare_after:.4g}",
            f"{scale.ratio:.3f}",
        )
        for scale in overhead.scales
    ]
    heads = ("height x width", "evaluations", "s/evaluation", "bare network", "before, after", "overhead")
    note = "; ".join(overhead.warnings)  # a change of precision on the way explains a lot
    return _table(f"Overhead of a whole run, {overhead.precision}", heads, cells, note=note)


def _parts(overhead: Overhead) -> Table:
    cells = [
        (name, f"{100 * share:.1f} %", f"{overhead.parts[name]:.2f}")
        for name, share in overhead.shares.items()
    ]
    return _table("Parts of that run", ("part", "share", "seconds"), cells)


def _speedup(speedup: Speedup) -> Table:
    literal = speedup.literal
    cells = [
        ("literal", str(literal.evaluations), f"{literal.objective:.4g}", duration(literal.seconds)),
        *(
            (
                f"default of {attempt.iterations}",
                "-" if attempt.evaluations is None else str(attempt.evaluations),
                f"{attempt.objective:.4g}",
                "not reached" if attempt.seconds is None else f"{attempt.seconds:.1f} s",
            )
            for attempt in speedup.attempts
        ),
    ]
    height, width = speedup.size
    heads = ("method", "evaluations until there", "objective at the end", "time until there")
    return _table(f"Speedup at {height} x {width}", heads, cells, note=speedup.note)


def _quality(quality: TimeToQuality) -> Table:
    """Return the table of the distances that both methods are compared in."""
    reached = quality.reached
    cells = [
        (
            name.replace("_", " "),
            f"{goal:.4g}",
            "-" if reached is None else f"{reached[name]:.4g}",
            f"{quality.last[name]:.4g}",
        )
        for name, goal in quality.goal.items()
    ]
    if quality.seconds is not None:
        cells.append(("evaluations", "", str(quality.evaluations), ""))
        cells.append(("time", duration(quality.literal_seconds), f"{quality.seconds:.1f} s", ""))
    heads = ("lower is better", "literal", "default, when as good", "default, at the end")
    return _table("Time to the literal method's quality", heads, cells, note=quality.note)


def _relative_times(times: Mapping[str, RelativeTime | None]) -> Table:
    cells = [
        (
            name,
            f"{time.size[0]} x {time.size[1]}",
            f"{time.seconds:.4g}",
            f"{time.bare_seconds:.4g}",
            f"{time.evaluations:.3f}",
        )
        for name, time in times.items()
        if time is not None
    ]
    heads = ("strokes", "height x width", "seconds", "bare network", "in evaluations")
    return _table("Copied strokes", heads, cells)


def _schemes(schemes: Schemes) -> Table:
    """Return the table of the schemes' costs, as in the paper's Figure 11."""
    cells = [
        (
            f"({name})",
            " + ".join(f"{height}x{width}x{channels}" for height, width, channels in cost.shapes),
            str(cost.pixels),
            f"{cost.seconds:.4g}",
            str(cost.count),
            f"{schemes.ratio(name, 'h'):.3f}",
            f"{PAPER_SECONDS[name]:.3f}",
            f"{PAPER_SECONDS[name] / PAPER_SECONDS['h']:.3f}",
        )
        for name, cost in schemes.costs.items()
    ]
    height, width = schemes.size
    title = f"Schemes of Figure 11 at {height} x {width}, {schemes.precision}, medians"
    heads = ("scheme", "h x w x c", "pixels", "s/evaluation", "of", "/ (h)", "paper's s", "paper's / (h)")
    return _table(title, heads, cells)


def _scaling(scaling: Scaling) -> Table:
    cells = [
        (
            f"{point.megapixels:g}",
            f"{point.size[0]} x {point.size[1]}",
            f"{point.seconds:.4g}",
            f"{point.seconds / point.megapixels:.4g}",
            format_bytes(point.peak_memory_bytes),
        )
        for point in scaling.points
    ]
    heads = ("megapixels", "height x width", "s/evaluation", "s/megapixel", "peak memory")
    return _table(f"Scaling: time grows as pixels^{scaling.exponent:.3f}", heads, cells)


def _busy_machine(busy: BusyMachine) -> Table:
    cells = [
        (f"{busy.threads} threads", f"{busy.seconds:.4g}", str(busy.count)),
        ("1 thread", f"{busy.single_seconds:.4g}", str(busy.count)),
    ]
    height, width = busy.size
    title = f"Beside a busy program, at {height} x {width}, medians"
    return _table(title, ("computing with", "s/evaluation", "of"), cells)


def _table(title: str, heads: Iterable[str], cells: Iterable[tuple[str, ...]], *, note: str = "") -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, caption=note or None)
    table.caption_justify = "left"
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right")
    for row in cells:
        table.add_row(*row)
    return table
