"""Curve: the loss of a run from evaluation to evaluation, collected from its events."""

from dataclasses import dataclass, field

from glstylenet.objective import LossTerms
from glstylenet.run import Event, Scale, ScaleStarted, Step

__all__ = ["CurvePoint", "LossCurve"]


@dataclass(frozen=True)
class CurvePoint:
    """The weighted terms after evaluation ``evaluation`` (from 1 over all scales), in round ``round`` (from
    1) of scale ``scale`` (from 1), at the best pixels of that scale so far."""

    evaluation: int
    scale: int
    round: int
    terms: LossTerms


@dataclass
class LossCurve:
    """A listener (``on_event``) that keeps the numbers of a run and none of its pictures.

    ``scales``: those that began; ``points``: one for each :class:`~glstylenet.events.Step`.
    """

    scales: list[Scale] = field(default_factory=list)
    points: list[CurvePoint] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Hear ``event``."""
        match event:
            case ScaleStarted():
                self.scales.append(event.scale)
            case Step():
                self.points.append(CurvePoint(event.evaluation, event.scale, event.round, event.terms))

    def scale_starts(self) -> list[int]:
        """The first evaluation of each scale that made one."""
        return [
            point.evaluation
            for before, point in zip([None, *self.points], self.points, strict=False)
            if before is None or before.scale != point.scale
        ]

    def round_starts(self) -> list[int]:
        """The first evaluation of each round that does not begin a scale."""
        return [
            point.evaluation
            for before, point in zip(self.points, self.points[1:], strict=False)
            if before.scale == point.scale and before.round != point.round
        ]
