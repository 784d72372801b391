"""GLStyleNet: style transfer that combines global and local pyramid features.

    import glstylenet
    result = glstylenet.stylize("content.jpg", "style.jpg")
    result.image.save("painted.png")

The names below are imported when they are first used: PyTorch takes seconds to load, and asking for the
version or the help should not.
"""

import importlib

TYPE_CHECKING = False  # type checkers know the name; typing is slow to import before Ctrl-C is handled
if TYPE_CHECKING:
    from glstylenet.errors import GLStyleNetError
    from glstylenet.run.final_losses import picture_losses
    from glstylenet.run.result import Result
    from glstylenet.run.styles import Style
    from glstylenet.run.stylize import stylize
    from glstylenet.settings import PRESETS, Settings, preset_settings

__all__ = [
    "PRESETS",
    "GLStyleNetError",
    "Result",
    "Settings",
    "Style",
    "__version__",
    "picture_losses",
    "preset_settings",
    "stylize",
]

__version__ = "0.1.0"

_HOMES = {
    "GLStyleNetError": "errors",
    "PRESETS": "settings",
    "Settings": "settings",
    "preset_settings": "settings",
    "Result": "run",
    "Style": "run",
    "picture_losses": "run",
    "stylize": "run",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
