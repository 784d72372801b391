"""The smoothness term: how alike neighbouring pixels are kept."""

from typing import ClassVar

from glstylenet.settings.theme import Theme, setting

__all__ = ["SmoothnessSettings"]


class SmoothnessSettings(Theme):
    """Settings of the smoothness loss, the paper's equation (7)."""

    group: ClassVar[str] = "Smoothness (Eq. 7)"

    smoothness: float = setting(
        1.0,
        "how strongly neighbouring pixels are kept alike",
        symbol="sigma",
        effect="less grain",
        ge=0,
        le=1e9,
    )
