"""Status: what lies under a name that somebody gave, or why the system cannot tell."""

import errno
import os

__all__ = ["status_of"]


def status_of(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Return the status of what lies at ``path``, behind links; ``None`` if nothing does.

    Raises ``OSError``, and no other exception, where the system cannot tell: for a name that is too long or
    that no file can have, for links in a circle, for a folder that may not be searched. Its ``strerror`` says
    so in words.

    >>> status_of("no/such/file") is None
    True
    >>> status_of("no\\0name")
    Traceback (most recent call last):
    OSError: [Errno 22] no file can have this name (embedded null byte): 'no\\x00name'
    """
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:  # NUL bytes, and characters that the file system's encoding lacks
        words = error.reason if isinstance(error, UnicodeEncodeError) else str(error)
        raise OSError(errno.EINVAL, f"no file can have this name ({words})", str(path)) from error
