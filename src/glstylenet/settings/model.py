"""Settings: every choice a user can make, in one frozen object that checks itself.

The settings are declared in themed files, one for each of the paper's modules and for what a program needs
besides; each file is the only place of its defaults, ranges and help texts. Names outside the mathematics
are the plain ones (``content_weight``); the paper's symbol stands beside them (``alpha``).
"""

from typing import Any, Self

from pydantic import ConfigDict, ValidationError

from glstylenet.errors import SettingsError
from glstylenet.settings.content import ContentSettings
from glstylenet.settings.excerpt import excerpt
from glstylenet.settings.fusion import FusionSettings
from glstylenet.settings.help import FieldHelp, describe_field
from glstylenet.settings.machine import MachineSettings
from glstylenet.settings.optimisation import OptimisationSettings
from glstylenet.settings.patches import PatchSettings
from glstylenet.settings.pictures import PictureSettings
from glstylenet.settings.smoothness import SmoothnessSettings
from glstylenet.settings.statistics import StatisticsSettings
from glstylenet.settings.theme import Theme

__all__ = ["GROUPS", "Settings", "field_help"]


class Settings(
    # pydantic takes the fields of the last base first: help pages, dumps and recipes begin with the content.
    MachineSettings,
    OptimisationSettings,
    PictureSettings,
    FusionSettings,
    SmoothnessSettings,
    StatisticsSettings,
    PatchSettings,
    ContentSettings,
):
    """`Settings` says what to do with a content and a style.

    The object is immutable. A wrong value raises :class:`~glstylenet.errors.SettingsError`, which says field,
    value and range.

    >>> Settings(iterations=50).iterations
    50
    >>> Settings(iterations=0)
    Traceback (most recent call last):
    glstylenet.errors.SettingsError: iterations is 0: ...; allowed: at least 1, at most 1,000,000
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked anew.

        >>> Settings().replace(seed=7).seed
        7
        """
        return type(self)(**{**self.model_dump(), **changes})


_THEMES: tuple[type[Theme], ...] = tuple(
    base for base in reversed(Settings.__bases__) if issubclass(base, Theme)
)

GROUPS: tuple[str, ...] = tuple(theme.group for theme in _THEMES)
"""The headings of the themes: the paper's modules, then what a program needs besides. Help pages have this
order."""


def field_help(name: str) -> FieldHelp:
    """Return the help of the setting ``name``; raise ``KeyError`` for an unknown one.

    >>> field_help("content_weight").symbol
    'alpha'
    """
    info = Settings.model_fields[name]
    group = next(theme.group for theme in _THEMES if name in theme.model_fields)
    return describe_field(name, info, group)


def _explain(error: ValidationError) -> str:
    """Return pydantic's findings as our sentences: field, value, range."""
    sentences = []
    for finding in error.errors(include_url=False):
        name = str(finding["loc"][0]) if finding["loc"] else "settings"
        if finding["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            sentences.append(f"there is no setting {excerpt(name)}; the settings are {known}")
            continue
        limits = field_help(name).limits if name in Settings.model_fields else ""
        expected = f"; allowed: {limits}" if limits else ""
        reason = finding["msg"].removeprefix("Value error, ")
        sentences.append(f"{name} is {excerpt(finding['input'])}: {reason[0].lower()}{reason[1:]}{expected}")
    return "; ".join(sentences)
