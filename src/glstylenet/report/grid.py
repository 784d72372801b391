"""Grid: one or two settings that vary, every combination of their values a cell."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glstylenet.errors import SettingsError, UsageError
from glstylenet.settings import PRESETS, Settings, field_help, preset_settings

__all__ = ["PRESET", "Axis", "Cell", "Grid", "make_grid", "split_values"]

PRESET = "preset"
"""The name under which presets vary; the other names are those of the settings."""

_MOST_CELLS = 400
_FIXED = frozenset({"strict", "device", "memory", "max_pixels", "weights"})
"""Settings that say how to compute and not what: no two pictures differ by them, or not on purpose."""


@dataclass(frozen=True)
class Axis:
    """One setting, or the preset, and its ``values`` as text, in the order given."""

    name: str
    values: tuple[str, ...]

    def label(self, value: str) -> str:
        """``value`` as a row or column is headed: "local weight (beta) 100"."""
        return f"{self.title} {_shown(value)}"

    @property
    def title(self) -> str:
        """The setting in words, with the paper's symbol."""
        symbol = "" if self.name == PRESET else field_help(self.name).symbol
        words = self.name.replace("_", " ")
        return f"{words} ({symbol})" if symbol else words


@dataclass(frozen=True)
class Cell:
    """One combination: its place in the grid, its own ``values`` by name, and all its ``settings``.

    ``preset``: the one that the settings start from, if any.
    """

    row: int
    column: int
    values: Mapping[str, str]
    settings: Settings
    preset: str | None

    @property
    def name(self) -> str:
        """A file name's stem that says what is special here: "local_weight-50__semantic_weight-10"."""
        return "__".join(f"{name}-{_in_file_name(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class Grid:
    """``rows`` may be ``None``: then one row of ``columns``. Cells come row by row."""

    rows: Axis | None
    columns: Axis
    cells: tuple[Cell, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """One or two."""
        return (self.columns,) if self.rows is None else (self.rows, self.columns)

    @property
    def row_labels(self) -> tuple[str, ...]:
        """What heads each row; an empty text for the only one."""
        return ("",) if self.rows is None else tuple(map(self.rows.label, self.rows.values))

    @property
    def column_labels(self) -> tuple[str, ...]:
        """What heads each column."""
        return tuple(map(self.columns.label, self.columns.values))


def split_values(text: str) -> tuple[str, ...]:
    """The values of "50,100,500"; one value if there is no comma, or if ``text`` is a file's name.

    Raises :class:`~glstylenet.errors.UsageError` if a value is empty or given twice.
    """
    if "," not in text or os.path.isfile(text):
        return (text,)
    values = tuple(value.strip() for value in text.split(","))
    if not all(values):
        raise UsageError(
            f"the values {text!r} hold an empty one; expected values with commas between, such as 50,100,500"
        )
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise UsageError(f"the values {text!r} hold {', '.join(repeated)} more than once; give each once")
    return values


def make_grid(
    given: Mapping[str, str | bool], base: Mapping[str, object], *, preset: str | None = None
) -> Grid:
    """The grid that ``given`` options span, those with several values being the axes.

    ``given``: text of each setting named; ``preset``: one or several with commas. ``base``: what weaker
    sources (environment, config file) say. The first of two axes gives the rows. Every cell's settings are
    checked here, before anything runs. Raises :class:`~glstylenet.errors.UsageError` if nothing or more
    than two settings vary, and :class:`~glstylenet.errors.SettingsError` for an impossible value.
    """
    texts: dict[str, str | bool] = {} if preset is None else {PRESET: preset}
    texts.update(given)
    axes: list[Axis] = []
    fixed: dict[str, object] = {}
    for name, text in texts.items():
        values = split_values(text) if isinstance(text, str) else ()
        if len(values) < 2:
            fixed[name] = text
            continue
        if name in _FIXED:
            raise UsageError(f"{name} has several values, {text}, and cannot vary in a sweep; give it one")
        axes.append(Axis(name, values))
    _check_axes(axes)
    rows, columns = (None, axes[0]) if len(axes) == 1 else (axes[0], axes[1])
    cells = []
    starts = [dict[str, str]()] if rows is None else [{rows.name: value} for value in rows.values]
    for row, start in enumerate(starts):
        for column, value in enumerate(columns.values):
            combination = {**start, columns.name: value}
            cells.append(_cell(row, column, combination, base, fixed))
    _refuse_twins(cells)
    return Grid(rows, columns, tuple(cells))


def _check_axes(axes: Sequence[Axis]) -> None:
    if not axes:
        raise UsageError(
            "nothing varies; give one or two settings several values, such as --local-weight 50,100,500"
        )
    if len(axes) > 2:
        names = ", ".join(axis.name for axis in axes)
        raise UsageError(f"{names} vary; a sheet has rows and columns, so at most two settings may")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > _MOST_CELLS:
        raise UsageError(f"the grid has {count} cells; expected at most {_MOST_CELLS}, so give fewer values")


def _cell(
    row: int, column: int, values: Mapping[str, str], base: Mapping[str, object], fixed: Mapping[str, object]
) -> Cell:
    chosen = {**base, **fixed, **values}
    preset = chosen.pop(PRESET, None)
    if preset is None:
        return Cell(row, column, values, Settings(**chosen), None)
    if str(preset) not in PRESETS:
        raise SettingsError(f"there is no preset {preset!r}; the presets are {', '.join(PRESETS)}")
    return Cell(row, column, values, preset_settings(str(preset), **chosen), str(preset))


def _refuse_twins(cells: Iterable[Cell]) -> None:
    """Two spellings of one value, such as 1 and 1.0, would be the same picture under two names; two files of
    one name in different folders would be different pictures under one."""
    seen: dict[str, Cell] = {}
    names: dict[str, Cell] = {}
    for cell in cells:
        if names.setdefault(cell.name.lower(), cell) is not cell:
            raise UsageError(f"two cells would be named {cell.name}; rename one of the files they start from")
        other = seen.setdefault(cell.settings.model_dump_json(), cell)
        if other is not cell and other.preset == cell.preset:
            raise UsageError(f"{other.name} and {cell.name} are the same settings; leave one of them out")


def _shown(value: str) -> str:
    return Path(value).name if os.path.isfile(value) else value


def _in_file_name(value: str) -> str:
    """``value`` with letters, digits, dots and dashes only."""
    return "".join(letter if letter.isalnum() or letter in ".-+" else "_" for letter in _shown(value))[:60]
