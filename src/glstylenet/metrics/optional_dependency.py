"""Optional dependency: scikit-image, which the metrics need and painting does not."""

from glstylenet.errors import UsageError

__all__ = ["require_scikit_image"]


def require_scikit_image() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if scikit-image is missing, before time is spent."""
    try:
        import skimage  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "metrics need scikit-image, which is not installed; install it with: "
            "pip install 'glstylenet[report]'"
        ) from error
