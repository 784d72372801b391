"""Job: one picture to paint, and its progress."""

from dataclasses import asdict, dataclass, field
from typing import Any

from glstylenet.settings import Role

__all__ = ["ACTIVE", "FINISHED", "ROLES", "Job"]

ROLES = (Role.CONTENT, Role.STYLE, Role.CONTENT_MAP, Role.STYLE_MAP)
"""The pictures of a job."""

ACTIVE = frozenset({"queued", "running", "stopping"})
FINISHED = frozenset({"done", "stopped", "failed"})


@dataclass
class Job:
    """`Job` holds what is written into ``job.json``.

    ``state``: queued, running, stopping, done, stopped, failed or interrupted. ``pictures``: the page's name
    of each picture, by role. ``settings``: the values of all settings. ``progress``: that of the latest
    evaluation, or of the latest copies of strokes, whose ``seconds_left`` is ``None`` and ``losses`` empty; a
    run that only copies strokes has 0 ``evaluations``. ``preview``: the number of previews written so far.
    """

    id: str
    created: float
    preset: str | None
    settings: dict[str, Any]
    pictures: dict[str, str | None]
    command: str
    state: str = "queued"
    continued_from: str | None = None
    width: int | None = None
    height: int | None = None
    progress: dict[str, Any] | None = None
    losses: dict[str, float] | None = None
    seconds: float = 0.0
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    preview: int = 0
    has_result: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the job for its file."""
        return asdict(self)

    def shown(self, queue_position: int | None) -> dict[str, Any]:
        """Return the job for the page, with the addresses of its pictures."""
        table = self.as_dict()
        for name in ("pictures", "has_result", "continued_from"):
            del table[name]
        start = f"/api/jobs/{self.id}"
        return {
            **table,
            **{role: self.pictures.get(role) for role in ROLES},
            "continue_from": self.continued_from,
            "queue_position": queue_position,
            "preview": f"{start}/preview.jpg?n={self.preview}" if self.preview else None,
            "thumbnail": f"{start}/thumbnail.jpg" if self.preview or self.has_result else None,
            "result": f"{start}/result.png" if self.has_result else None,
        }
