"""The pictures: what a run starts from, the sizes, and what follows the optimisation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import field_validator

from glstylenet.files import check_name
from glstylenet.settings.theme import Theme, setting

__all__ = ["INIT_CHOICES", "PictureSettings"]

_INITS: Mapping[str, str] = MappingProxyType(
    {
        "content": "",
        "tinted": "the content in the style's colours",
        "voted": "copies of the style's strokes",
        "style": "",
        "noise": "smooth noise in the style's colours",
    }
)
"""The pictures that ``init`` may name, each with an explanation where its name is not enough."""

INIT_CHOICES = tuple(_INITS)
"""What ``init`` may name besides a picture's path; the first is the default."""


class PictureSettings(Theme):
    """Settings of the pictures that a run reads and writes."""

    group: ClassVar[str] = "Pictures"

    init: str = setting(
        INIT_CHOICES[0],
        "the picture to start from: "
        + ", ".join(f"{name} ({meaning})" if meaning else name for name, meaning in _INITS.items())
        + ", or a picture's path",
        effect="what the painting starts from",
        suggestions=INIT_CHOICES,
    )
    size: int | None = setting(
        None,
        "longest side of the result in pixels; by default the content's own",
        effect="longest side in pixels",
        ge=32,
        le=100_000,
    )
    style_scale: float = setting(
        1.0,
        "size of the brushwork: the style's size relative to the result; smaller gives finer strokes",
        effect="finer strokes when smaller",
        gt=0,
        le=8,
    )
    colours: Literal["style", "keep", "match"] = setting(
        "style",
        "whose colours the result has: the style's, or the content's; keep gives the result the content's "
        "chroma after the optimisation, match gives the style the content's colours before it",
        effect="whose colours the picture has",
    )
    finish: Literal["none", "photo"] = setting(
        "none",
        "what follows the optimisation; photo makes every line of the content straight again",
        effect="straight lines of a photograph",
    )
    max_pixels: int = setting(
        200_000_000, "refuse pictures whose header claims more pixels", ge=1024, le=10**12
    )

    @field_validator("init")
    @classmethod
    def _init_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError(f"expected {', '.join(INIT_CHOICES)} or the path of a picture")
        check_name(value)
        return value
