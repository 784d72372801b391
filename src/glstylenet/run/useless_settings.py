"""Useless settings: values that somebody chose and that change nothing in the run at hand, a rule each.

A value counts as chosen if it differs from the default, also where a preset chose it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from glstylenet.objective import TERMS
from glstylenet.pictures import fitted_size
from glstylenet.run.grey import all_grey
from glstylenet.run.inputs import Sources, style_size_at
from glstylenet.settings import Role, Settings

__all__ = ["RULES", "Rule", "Situation", "useless_settings"]


@dataclass(frozen=True)
class Situation:
    """`Situation` holds what decides which settings have an effect.

    ``chosen`` are the settings as they were given, ``effective`` those that take effect. ``has_shades``: the
    maps have soft borders that are kept.
    """

    chosen: Settings
    effective: Settings
    sources: Sources
    has_shades: bool = False

    @property
    def is_doodle(self) -> bool:
        """Whether the run has no content picture."""
        return Role.CONTENT not in self.sources.pictures

    @property
    def are_grey(self) -> bool:
        """Whether all pictures that are painted from are grey."""
        pictures = self.sources.pictures
        roles = (Role.CONTENT, *(style.role for style in self.sources.styles), Role.INIT)
        return all_grey(pictures[role].pixels for role in roles if role in pictures)

    def weighs(self, *terms: str) -> bool:
        """Return whether one of the ``terms`` of the loss has a weight."""
        return any(getattr(self.effective, term.setting) > 0 for term in TERMS if term.name in terms)

    @property
    def works_by_class(self) -> bool:
        """Whether the start, the statistics, the colours or the finish depend on the maps."""
        effective = self.effective
        starts_from_colours = effective.init in ("tinted", "voted", "noise")
        compares_regions = effective.statistics == "regions" and self.weighs("global")
        recolours = effective.colours == "match" or effective.finish != "none"
        return starts_from_colours or compares_regions or recolours

    @property
    def has_style_maps(self) -> bool:
        """Whether a style has a map; a class that is bound to a style needs the content's alone."""
        sources = self.sources
        return sources.proposes_maps or any(style.map_role in sources.pictures for style in sources.styles)

    @property
    def is_style_unscaled(self) -> bool:
        """Whether the styles have the sizes that they would have at ``style_scale`` 1."""
        pictures, size = self.sources.pictures, self.sources.size
        return all(
            style_size_at(pictures[style.role].size, size, 1.0) == style.size for style in self.sources.styles
        )


@dataclass(frozen=True)
class Rule:
    """`Rule` says when a chosen value of ``setting`` changes nothing, and why, worded to follow a colon."""

    setting: str
    reason: str
    applies: Callable[[Situation], bool]


RULES: tuple[Rule, ...] = (
    Rule(
        "seed",
        "only a start from noise and proposed maps use it",
        lambda at: at.effective.init != "noise" and not at.sources.proposes_maps,
    ),
    Rule(
        "init",
        "a doodle has no content to start from, and starts from copies of the style that the maps choose",
        lambda at: at.is_doodle and at.chosen.init == "tinted",
    ),
    Rule(
        "init",
        "local_weight is 0, so no patches are copied; the start is the content in the style's colours",
        lambda at: not at.is_doodle and at.chosen.init == "voted" and not at.weighs("local"),
    ),
    Rule(
        "voting",
        "local_weight is 0, so no patches are copied",
        lambda at: not at.weighs("local"),
    ),
    Rule(
        "voting",
        "scales is 1, and only a finer size begins with copies",
        lambda at: (
            at.weighs("local")
            and at.chosen.scales == 1
            and at.effective.init != "voted"
            and at.chosen.quality != "preview"
        ),
    ),
    Rule("content_weight", "a doodle has no content to keep", lambda at: at.is_doodle),
    Rule("colours", "a doodle has no content whose colours could be taken", lambda at: at.is_doodle),
    Rule(
        "colours",
        "all pictures are grey",
        lambda at: not at.is_doodle and at.chosen.colours == "keep" and at.are_grey,
    ),
    Rule("finish", "a doodle has no photograph to take lines from", lambda at: at.is_doodle),
    Rule(
        "semantic_weight",
        "there are no maps",
        lambda at: not at.sources.has_maps and at.chosen.semantic_weight > 0,
    ),
    Rule(
        "semantic_weight",
        "local_weight is 0, so no patches are matched",
        lambda at: at.sources.has_maps and at.chosen.semantic_weight > 0 and not at.weighs("local"),
    ),
    Rule(
        "semantic_weight",
        "no style has a map",
        lambda at: (
            at.sources.has_maps
            and not at.has_style_maps
            and at.chosen.semantic_weight > 0
            and at.weighs("local")
        ),
    ),
    Rule("statistics", "there are no maps", lambda at: not at.sources.has_maps),
    Rule(
        "statistics",
        "no style has a map",
        lambda at: at.sources.has_maps and not at.has_style_maps and at.weighs("global"),
    ),
    Rule(
        "statistics",
        "global_weight is 0, so no statistics are compared",
        lambda at: at.sources.has_maps and not at.weighs("global"),
    ),
    Rule(
        "maps",
        "local_weight is 0, so no patches are matched, and nothing else works class by class",
        lambda at: at.sources.proposes_maps and not at.weighs("local") and not at.works_by_class,
    ),
    Rule("classes", "there are no maps", lambda at: not at.sources.has_maps),
    Rule("soft_maps", "there are no maps", lambda at: not at.sources.has_maps),
    Rule(
        "soft_maps",
        "the maps have no soft borders between two of their colours",
        lambda at: at.sources.has_maps and not at.has_shades,
    ),
    Rule("strict", "there are no maps", lambda at: not at.sources.has_maps),
    Rule(
        "scheme",
        "local_weight and global_weight are 0, so no layers are fused",
        lambda at: not at.weighs("local", "global"),
    ),
    Rule("coarse_content", "content_weight is 0", lambda at: not at.is_doodle and not at.weighs("content")),
    Rule("coarse_content", "a doodle has no content to keep", lambda at: at.is_doodle),
    # A picture that is too small for a second size is no reason: presets choose a value for all pictures.
    Rule("coarse_content", "scales is 1", lambda at: at.weighs("content") and at.chosen.scales == 1),
    Rule("coarsest", "scales sets the number of sizes", lambda at: at.chosen.scales is not None),
    Rule("style_scale", "the style keeps its size", lambda at: at.is_style_unscaled),
)
"""The rules; of one setting at most one applies."""


def useless_settings(situation: Situation) -> list[str]:
    """Return a sentence for each setting that was chosen in vain, and for each input that is."""
    chosen, defaults = situation.chosen, Settings()
    sentences = [
        f"{rule.setting} is {getattr(chosen, rule.setting)} and has no effect: {rule.reason}"
        for rule in RULES
        if getattr(chosen, rule.setting) != getattr(defaults, rule.setting) and rule.applies(situation)
    ]
    if not situation.weighs(*(term.name for term in TERMS)):
        names = ", ".join(term.setting for term in TERMS)
        sentences.append(f"all weights are 0 ({names}): the result is the picture that the run starts from")
    if chosen.quality == "preview" and chosen.iterations is None and not situation.weighs("local"):
        sentences.append(
            "quality is preview, which copies matched patches, and local_weight is 0: the result is the "
            "picture that the run starts from"
        )
    if situation.has_style_maps and not chosen.semantic_weight:
        sentences.append("the maps do not steer which patches match: semantic_weight is 0")
    return [*sentences, *_stretched_start(situation.sources)]


def _stretched_start(sources: Sources) -> list[str]:
    """Return a sentence about a picture to start from whose shape is not the result's."""
    start = sources.pictures.get(Role.INIT)
    if start is None:
        return []
    height, width = sources.size
    longest = max(height, width)
    like_it = fitted_size(start.size, longest)
    rounding = max(1, round(longest / max(start.size)))  # a pixel of either picture
    if max(abs(like_it[0] - height), abs(like_it[1] - width)) <= rounding:
        return []
    return [
        f"the picture to start from has {start.size[1]} x {start.size[0]} pixels, another shape than the "
        f"result of {width} x {height}; it is stretched"
    ]
