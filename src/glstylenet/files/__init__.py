"""Files: written whole or not at all, opened only if they are ordinary ones.

- ``atomic``: replaces a file at once, or leaves it as it was.
- ``lock``: holds an output for one run at a time.
- ``regular_file``: opens a file that somebody named, and nothing else that may lie under its name.
"""

from glstylenet.files.atomic import FILE_EXISTS, replacing, write_text
from glstylenet.files.lock import claim_output, target_of
from glstylenet.files.regular_file import open_regular

__all__ = ["FILE_EXISTS", "claim_output", "open_regular", "replacing", "target_of", "write_text"]
