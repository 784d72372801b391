"""The local term: how patches are matched, and what the semantic maps do to the matching."""

from typing import ClassVar, Literal

from glstylenet.settings.theme import Theme, setting

__all__ = ["PatchSettings"]


class PatchSettings(Theme):
    """Settings of the local loss and of the semantic maps, the paper's equations (3) and (4)."""

    group: ClassVar[str] = "Local patches and semantic maps (Eqs. 3-4)"

    local_weight: float = setting(
        100.0,
        "how strongly every patch must look like a patch of the style",
        symbol="beta",
        effect="more of the style's brush strokes",
        ge=0,
        le=1e9,
    )
    semantic_weight: float = setting(
        10.0,
        "how strictly patches stay within their region of the semantic maps; 0 matches without them",
        symbol="beta1",
        effect="stricter regions",
        ge=0,
        le=1e6,
    )
    maps: Literal["given", "auto", "portrait"] = setting(
        "given",
        "where the semantic maps come from; auto proposes them from what is alike in both pictures, portrait "
        "from persons and faces (extra 'maps')",
    )
    classes: int | None = setting(
        None,
        "number of map classes to find; by default as many as the maps show, 6 where they are proposed",
        ge=1,
        le=64,
    )
    soft_maps: bool = setting(
        False,
        "keep soft borders of maps (antialiased, feathered): their pixels belong to both classes by shares",
        effect="regions that fade into each other",
    )
    strict: bool = setting(
        False,
        "treat a class that the style's map lacks as an error instead of a warning",
        effect="refuse a class that the style lacks",
    )
