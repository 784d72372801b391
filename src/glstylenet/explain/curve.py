"""Curve: the loss of a run after each evaluation, collected from its events."""

from dataclasses import dataclass, field

from glstylenet.objective import LossTerms
from glstylenet.run import Event, Scale, ScaleStarted, Step

__all__ = ["CurvePoint", "LossCurve"]


@dataclass(frozen=True)
class CurvePoint:
    """`CurvePoint` holds the weighted terms at the best pixels of a scale so far.

    ``evaluation`` counts from 1 over all scales, ``scale`` from 1, ``round`` from 1 in each scale.
    """

    evaluation: int
    scale: int
    round: int
    terms: LossTerms


@dataclass
class LossCurve:
    """`LossCurve` is a listener (``on_event``) that keeps the numbers of a run and none of its pictures.

    ``scales``: the scales that have begun; ``points``: one for each :class:`~glstylenet.events.Step`.
    """

    scales: list[Scale] = field(default_factory=list)
    points: list[CurvePoint] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Record ``event``."""
        match event:
            case ScaleStarted():
                self.scales.append(event.scale)
            case Step():
                self.points.append(CurvePoint(event.evaluation, event.scale, event.round, event.terms))

    def scale_starts(self) -> list[int]:
        """Return the first evaluation of each scale that has one."""
        return [
            point.evaluation
            for before, point in zip([None, *self.points], self.points, strict=False)
            if before is None or before.scale != point.scale
        ]

    def round_starts(self) -> list[int]:
        """Return the first evaluation of each round, without those that begin a scale."""
        return [
            point.evaluation
            for before, point in zip(self.points, self.points[1:], strict=False)
            if before.scale == point.scale and before.round != point.round
        ]
