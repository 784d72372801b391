"""The optimisation: how many evaluations, at which sizes, and by which method."""

from typing import ClassVar, Literal

from glstylenet.settings.quality import QUALITIES, QualityName
from glstylenet.settings.theme import Theme, setting

__all__ = ["OptimisationSettings"]


class OptimisationSettings(Theme):
    """Settings of the optimisation of the pixels, from the coarsest size to full size."""

    group: ClassVar[str] = "Optimisation"

    quality: QualityName = setting(
        "standard",
        "how much work is spent: "
        + ", ".join(f"{name} ({quality.meaning})" for name, quality in QUALITIES.items()),
        effect="better pictures for more time",
    )
    iterations: int | None = setting(
        None,
        "evaluations of the objective, over all sizes; by default what quality sets",
        effect="longer and finer",
        ge=1,
        le=1_000_000,
    )
    voting: Literal["none", "detail", "whole"] = setting(
        "detail",
        "what each size copies from the style before it is optimised: none, detail (forms stay), "
        "whole (best with maps)",
        effect="copies of the style's strokes",
    )
    scales: int | None = setting(
        None,
        "number of sizes that the run goes through, each double the one before; 1 is full size only; by "
        "default chosen from the picture",
        effect="fewer keep small things in place",
        ge=1,
        le=8,
    )
    coarsest: int = setting(
        208,
        "a run begins at the size found by halving while the longest side stays at least this many pixels; "
        "less lets the style rearrange more",
        effect="lower lets large forms change",
        ge=32,
        le=100_000,
    )
    round_length: int = setting(
        12,
        "evaluations between two matchings of the patches; 1 matches at every evaluation as the paper does",
        effect="matches held longer",
        ge=1,
        le=100_000,
    )
    optimizer: Literal["lbfgs", "adam"] = setting(
        "lbfgs", "the method that optimises the pixels", effect="how pixels are changed"
    )
    seed: int = setting(
        0,
        "seed of the noise of --init noise and of proposed maps",
        effect="another noise to start from",
        ge=0,
        le=2**63 - 1,
    )
