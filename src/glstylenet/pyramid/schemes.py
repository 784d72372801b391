"""Schemes: TODO-DOC."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.network import LAYER_CHANNELS, layer_size

__all__ = ["PAPER_SCHEMES", "SCHEMES", "Scheme", "fused_size", "layers_of"]


@dataclass(frozen=True)
class Scheme:
    """One of the paper's aggregation schemes.

    ``groups`` holds one tuple of layers, shallow to deep, for each fused feature. Each group has a local
    and a global loss of its own.
    """

    name: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer that some group needs, shallow to deep."""
        return layers_of(self.groups)

    def shapes(self, size: tuple[int, int], classes: int = 0) -> list[tuple[int, int, int]]:
        """(height, width, channels) of each fused feature of a picture of ``size`` (height, width).

        With ``classes`` > 0 each layer is counted with that many map channels, as the paper's Figure 11
        does: there every layer carries the semantic map before fusion.
        """
        return [
            (
                *fused_size(size, group),
                sum(LAYER_CHANNELS[layer] + classes for layer in group),
            )
            for group in self.groups
        ]


PAPER_SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        name: Scheme(name, groups)
        for name, groups in {
            "a": ((1, 2),),
            "b": ((3,),),
            "c": ((4,),),
            "d": ((3, 4),),
            "e": ((1, 2, 3),),
            "f": ((1, 2, 4),),
            "g": ((1, 2, 3, 4),),
            "h": ((3,), (4,)),
        }.items()
    }
)
"""The eight schemes of Figure 11 by their letter."""


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {**PAPER_SCHEMES, "apart": Scheme("apart", tuple((layer,) for layer in LAYER_CHANNELS))}
)
"""The same and "apart": every layer by itself and nothing fused, which is how Gatys et al. compare Gram
matrices (*Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016): a baseline."""


def layers_of(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Every layer that some of ``groups`` needs, shallow to deep."""
    return tuple(sorted({layer for group in groups for layer in group}))


def fused_size(size: tuple[int, int], layers: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the fusion of ``layers``: those of the deepest."""
    return layer_size(size, layers[-1])
