"""Files: written whole or not at all, opened only if they are ordinary ones, parsed by a schema.

- ``atomic``: replaces a file or a folder at once, or leaves it as it was.
- ``lock``: holds an output for one run at a time.
- ``checked_json``: parses JSON from elsewhere by a schema.
- ``regular_file``: opens a file that somebody named, and nothing else that may lie under its name.
- ``status``: looks up what lies under a name that somebody gave.
- ``whole_folder``: refuses places for a folder that is replaced at once.
- ``file_set``: finds files under any of their names.
- ``temporary``: makes files and folders beside an output, and removes what killed programs left of them.
"""

from glstylenet.files.atomic import FILE_EXISTS, replacing, replacing_folder, write_text
from glstylenet.files.checked_json import parse_json, schema_finding
from glstylenet.files.file_set import FileSet
from glstylenet.files.lock import claim_output, target_of
from glstylenet.files.regular_file import check_name, open_regular
from glstylenet.files.status import status_of
from glstylenet.files.temporary import is_hidden, remove_strays, temporary_file
from glstylenet.files.whole_folder import check_whole_folder

__all__ = [
    "FILE_EXISTS",
    "FileSet",
    "check_name",
    "check_whole_folder",
    "claim_output",
    "is_hidden",
    "open_regular",
    "parse_json",
    "remove_strays",
    "replacing",
    "replacing_folder",
    "schema_finding",
    "status_of",
    "target_of",
    "temporary_file",
    "write_text",
]
