"""Everything that can go wrong, as one tree.

::

    GLStyleNetError                  exit code 1
    ├── UsageError                             2   the call itself is wrong
    │   └── SettingsError                          a setting has an impossible value
    ├── InputError                             3   a picture or a map cannot be used
    │   ├── ImageError
    │   └── SemanticMapError
    ├── WeightsError                           4   the network's weights are missing or wrong
    ├── OutputError                            5   the result cannot be written
    ├── MemoryLimitError                       6   the run does not fit
    ├── ClusterError                           5   the workers of a giant picture cannot be used
    ├── BatchError                             7   a part of a batch failed
    └── OptimizationError                      1   no finite step could be made

A message says what was got, what was expected, where, and what to do next.
Exceptions of other libraries are translated at the place where they enter, ``from`` their cause.
"""

from typing import ClassVar

__all__ = [
    "BatchError",
    "ClusterError",
    "GLStyleNetError",
    "ImageError",
    "InputError",
    "MemoryLimitError",
    "OptimizationError",
    "OutputError",
    "SemanticMapError",
    "SettingsError",
    "UsageError",
    "WeightsError",
]


class GLStyleNetError(Exception):
    """The root: whoever catches this catches every error that the library raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(GLStyleNetError):
    """The call is wrong in itself, whatever the files hold."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has an impossible value; the message names the field, the value and its range."""


class InputError(GLStyleNetError):
    """Something that was handed in cannot be used."""

    exit_code = 3


class ImageError(InputError):
    """A picture cannot be read, or is too small, too large or of an unknown kind."""


class SemanticMapError(InputError):
    """A semantic map does not fit its picture or its partner."""


class WeightsError(GLStyleNetError):
    """The network's weights are missing, damaged or belong to another network."""

    exit_code = 4


class OutputError(GLStyleNetError):
    """The result cannot be written where it was asked for."""

    exit_code = 5


class ClusterError(GLStyleNetError):
    """The scheduler or its workers cannot be reached, or are not fit to compute with."""

    exit_code = 5


class MemoryLimitError(GLStyleNetError):
    """The run needs more memory than it may use or than there is."""

    exit_code = 6


class BatchError(GLStyleNetError):
    """Some pictures of a batch failed; the others are done."""

    exit_code = 7


class OptimizationError(GLStyleNetError):
    """The optimiser found no finite step from where it stands."""
