"""Files that are written whole or not at all.

- ``atomic``: replaces a file at once, or leaves it as it was.
- ``lock``: holds an output for one run at a time.
"""

from glstylenet.files.atomic import FILE_EXISTS, replacing, write_text
from glstylenet.files.lock import claim_output, target_of

__all__ = ["FILE_EXISTS", "claim_output", "replacing", "target_of", "write_text"]
