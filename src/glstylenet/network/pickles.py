"""Pickles: the words in a pickled state dict are looked at before PyTorch parses it.

PyTorch refuses what is no plain tensor and then composes a message, in a time that grows with the square of
the longest word: a small file can keep it busy for hours. Nothing is unpickled here.
"""

import pickletools
import zipfile
from io import BufferedReader, BytesIO

__all__ = ["check_pickles"]


_ZIP = b"PK\3\4"
"""PyTorch takes a file for its zip format by these first bytes."""


_PICKLES = 5
"""Pickles at the beginning of a file of the older format: three of constants, the state dict, the keys."""


_LONGEST_WORD = 1000
"""Characters; names of classes and layers have tens."""


_LARGEST_PICKLE = 2**24
"""Bytes of a state dict without its numbers, which lie apart."""


def check_pickles(file: BufferedReader) -> None:
    """Check a state dict in PyTorch's newer or older format; ``file`` is at its beginning again afterwards.

    Raises ``ValueError``, or what ``zipfile`` raises, if it is none or has words beyond measure.
    """
    is_zip = file.read(len(_ZIP)) == _ZIP
    file.seek(0)
    if is_zip:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".pkl"):
                    if entry.file_size > _LARGEST_PICKLE:
                        raise ValueError(f"a pickle of {entry.file_size} bytes")
                    _check_words(BytesIO(archive.read(entry)))
    else:
        # Of what a damaged file claims to hold, a stream of bytes reads no more than it has.
        beginning = BytesIO(file.read(_LARGEST_PICKLE))
        for _ in range(_PICKLES):
            _check_words(beginning)
    file.seek(0)


def _check_words(pickle: BytesIO) -> None:
    """Look at one pickle, which ends where its last operation says."""
    for operation, word, _ in pickletools.genops(pickle):
        if isinstance(word, str | bytes) and len(word) > _LONGEST_WORD:
            raise ValueError(f"a word of {len(word)} characters ({operation.name})")
