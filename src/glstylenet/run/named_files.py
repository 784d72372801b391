"""Named files: the files that settings name, besides the pictures of a run."""

from pathlib import Path

from glstylenet.network import EMBEDDED, FULL
from glstylenet.settings import INIT_CHOICES, Settings

__all__ = ["named_files"]


def named_files(settings: Settings) -> list[Path]:
    """Return the picture to start from and the file of weights, as far as ``settings`` name files.

    >>> [path.name for path in named_files(Settings(init="start.png"))]
    ['start.png']
    """
    init = [] if settings.init in INIT_CHOICES else [Path(settings.init)]
    weights = [] if settings.weights in (EMBEDDED, FULL) else [Path(settings.weights)]
    return [*init, *weights]
