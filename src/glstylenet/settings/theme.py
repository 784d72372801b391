"""Theme: a group of settings that belong together, and how one of them is declared."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

__all__ = ["Theme", "setting"]


class Theme(BaseModel):
    """The base of each group of settings.

    A subclass names its ``group``, the heading that help pages show, and declares each setting once with
    :func:`setting`. :class:`~glstylenet.settings.model.Settings` inherits from all of them.
    """

    group: ClassVar[str]


def setting(
    default: object,
    description: str,
    *,
    symbol: str = "",
    effect: str = "",
    suggestions: Sequence[str] = (),
    **limits: Any,
) -> Any:
    """Declare one setting of a :class:`Theme`.

    The command line, its help, the tables of the documentation, the config file, the recipe, the checkpoint
    and the studio all follow from this one declaration.

    ``description`` is the help text, a phrase without a full stop. ``symbol`` is the paper's. ``effect`` says
    in a newcomer's words what more of the setting does; the studio's page offers a setting only if it has
    one, so that settings of files and of the machine are left to whoever starts the server. ``suggestions``
    are names that have a meaning where any text is allowed. ``limits`` are pydantic's: ``ge``, ``gt``,
    ``le``, ``min_length``.

    >>> class Toys(Theme):
    ...     group = "Toys"
    ...     teddy_bears: int = setting(1, "how many there are", ge=0, le=9)
    >>> Toys(teddy_bears=2).teddy_bears
    2
    """
    return Field(
        default=default,
        description=description,
        json_schema_extra={"symbol": symbol, "effect": effect, "suggestions": list(suggestions)},
        allow_inf_nan=False if isinstance(default, float) else None,
        **limits,
    )
