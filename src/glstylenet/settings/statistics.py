"""The global term: how closely the whole result follows the style's statistics."""

from typing import ClassVar, Literal

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
    statistics: Literal["whole", "regions"] = setting(
        "whole",
        "what colours and textures are compared over: whole (all of both pictures), regions (each map class "
        "with the same class of the style)",
        effect="colours and textures that stay in their region",
    )
