"""GLStyleNet: style transfer that combines global and local pyramid features."""

__version__ = "0.1.0"
