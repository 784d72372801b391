"""Schemes: which layers are fused into which features (paper, Figures 10 and 11).

Scheme (h) keeps two groups of layers apart, as neural-doodle does; the paper's others are a single group.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glstylenet.network import LAYER_CHANNELS, layer_size

__all__ = ["PAPER_SCHEMES", "SCHEMES", "Scheme", "fused_size", "layers_of"]


@dataclass(frozen=True)
class Scheme:
    """An aggregation scheme: the ``groups`` of layers that are fused.

    Each group is a tuple of layers, shallow to deep, and makes one fused feature with a local and a global
    loss of its own.

    >>> SCHEMES["g"].shapes((512, 352))
    [(64, 44, 960)]
    """

    name: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """Every layer of the groups, shallow to deep."""
        return layers_of(self.groups)

    def shapes(self, size: tuple[int, int], classes: int = 0) -> list[tuple[int, int, int]]:
        """Return (height, width, channels) of each fused feature of a picture of ``size`` (height, width).

        The channels are those of VGG-19. With ``classes`` > 0 each layer is counted with that many map
        channels, as in the paper's Figure 11, where every layer carries the semantic map before fusion.
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
"""The paper's eight and "apart": every layer by itself, nothing fused. So Gatys et al. compare Gram matrices
(*Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016): a baseline."""


def layers_of(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return every layer of ``groups`` once, shallow to deep.

    >>> layers_of([(3, 4), (1, 3)])
    (1, 3, 4)
    """
    return tuple(sorted({layer for group in groups for layer in group}))


def fused_size(size: tuple[int, int], layers: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width of the fusion of ``layers``: those of the deepest."""
    return layer_size(size, layers[-1])
