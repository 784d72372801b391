"""Files: written whole or not at all, opened only if they are ordinary ones.

- ``atomic``: replaces a file at once, or leaves it as it was.
- ``lock``: holds an output for one run at a time.
- ``regular_file``: opens a file that somebody named, and nothing else that may lie under its name.
- ``status``: looks up what lies under a name that somebody gave.
- ``file_set``: finds files under any of their names.
"""

from glstylenet.files.atomic import FILE_EXISTS, replacing, write_text
from glstylenet.files.file_set import FileSet
from glstylenet.files.lock import claim_output, target_of
from glstylenet.files.regular_file import open_regular
from glstylenet.files.status import status_of

__all__ = [
    "FILE_EXISTS",
    "FileSet",
    "claim_output",
    "open_regular",
    "replacing",
    "status_of",
    "target_of",
    "write_text",
]
