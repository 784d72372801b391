"""The global term: how closely the whole result follows the style's statistics."""

from typing import ClassVar

from glstylenet.settings.theme import Theme, setting

__all__ = ["StatisticsSettings"]


class StatisticsSettings(Theme):
    """Settings of the global loss on Gram matrices, the paper's equations (5) and (6)."""

    group: ClassVar[str] = "Global style (Eqs. 5-6)"

    global_weight: float = setting(
        0.1,
        "how strongly the whole picture's colours and textures follow the style",
        symbol="gamma",
        effect="colours of the whole closer to the style",
        ge=0,
        le=1e9,
    )
