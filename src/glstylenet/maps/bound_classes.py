"""Bound classes: those that are painted from one style alone, whatever the other styles have of them."""

from collections.abc import Mapping, Sequence

from glstylenet.errors import UsageError
from glstylenet.maps.semantics import SemanticClass, Semantics, find_class

__all__ = ["bind_classes", "bound_warnings"]


def bind_classes(
    found: Sequence[SemanticClass], regions: Mapping[str, Sequence[str | int]]
) -> dict[str, frozenset[int]]:
    """Return by the names of styles the numbers, from 0, of the classes that are bound to each.

    ``regions`` name them by style, as :func:`~glstylenet.maps.semantics.find_class` takes words. Raises
    :class:`~glstylenet.errors.UsageError` for a class that is not there or bound to two styles.

    >>> classes = [SemanticClass((255, 0, 0), (0.5, 0.5)), SemanticClass((0, 0, 255), (0.5, 0.5))]
    >>> bind_classes(classes, {"style": [], "style 2": ["blue"]})
    {'style': frozenset(), 'style 2': frozenset({1})}
    """
    owners: dict[int, str] = {}
    for name, words in regions.items():
        for word in words:
            number = find_class(found, word)
            other = owners.setdefault(number, name)
            if other != name:
                raise UsageError(
                    f"the class {found[number].colour_name} is to be painted from {other} and from {name}; "
                    f"name one of them, or none to use all styles"
                )
    return {name: frozenset(k for k, owner in owners.items() if owner == name) for name in regions}


def bound_warnings(semantics: Semantics, bound: Mapping[str, frozenset[int]]) -> list[str]:
    """Return sentences about classes that are bound to a style whose map does not tell where they are."""
    warnings = []
    for name, numbers in bound.items():
        channels = semantics.channels_of(name)
        for number in sorted(numbers):
            found = semantics.classes[number]
            if found.shares[0] == 0:
                warnings.append(
                    f"the content has nothing of {found.colour_name}, the class to paint from {name}"
                )
            elif channels is None:
                warnings.append(f"{found.colour_name} is painted from all of {name}, which has no map")
            elif not bool(channels[0, number].any()):
                warnings.append(
                    f"{found.colour_name} is painted from all of {name}, whose map lacks this class"
                )
    return warnings
