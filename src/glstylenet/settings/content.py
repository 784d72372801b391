"""The content term: how much of the content's shapes the result keeps."""

from typing import ClassVar

from glstylenet.settings.theme import Theme, setting

__all__ = ["ContentSettings"]


class ContentSettings(Theme):
    """Settings of the content loss, the paper's equation (2)."""

    group: ClassVar[str] = "Content (Eq. 2)"

    content_weight: float = setting(
        10.0,
        "how strongly the content's shapes are kept",
        symbol="alpha",
        effect="more of the content's shapes",
        ge=0,
        le=1e9,
    )
    coarse_content: float = setting(
        1.0,
        "factor on the content weight at the sizes below full size; more keeps large forms in place",
        effect="large forms stay in place",
        ge=0,
        le=1e6,
    )
