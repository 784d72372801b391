"""Requirement: the package that the metrics need beyond those of painting."""

from glstylenet.errors import UsageError

__all__ = ["require_scikit_image"]


def require_scikit_image() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if it is missing, before time is spent."""
    try:
        import skimage  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "metrics need scikit-image, which is not installed; install it with: "
            "pip install 'glstylenet[report]'"
        ) from error
