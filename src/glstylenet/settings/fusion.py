"""Pyramid fusion: the layers of the network that are fused into one feature."""

from typing import ClassVar, Literal, get_args

from glstylenet.settings.theme import Theme, setting

__all__ = ["SCHEME_NAMES", "FusionSettings", "SchemeName"]

SchemeName = Literal["a", "b", "c", "d", "e", "f", "g", "h", "apart"]
"""The name of an aggregation scheme; :data:`glstylenet.pyramid.SCHEMES` has an entry for each."""

SCHEME_NAMES: tuple[str, ...] = get_args(SchemeName)
"""The names of the aggregation schemes: the letters of the paper's Figure 11, then the baseline's."""


class FusionSettings(Theme):
    """Settings of the pyramid fusion, the paper's equation (1)."""

    group: ClassVar[str] = "Pyramid fusion (Eq. 1)"

    scheme: SchemeName = setting(
        "g",
        "the layers that are fused, by the letter of the paper's Figure 11; apart fuses none",
        effect="which layers of the network are fused",
    )
