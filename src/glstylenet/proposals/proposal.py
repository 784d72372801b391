"""Proposal: semantic maps with one palette for several pictures, from what the network finds alike in them.

Co-segmentation by clustering deep features of all pictures together; the published relative is deep feature
factorisation (Collins, Achanta and Süsstrunk 2018). The paper draws its maps by hand. The embedded weights
are used, whichever the picture is painted with: a user's own file may end before conv5_1.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from glstylenet.machine import return_freed_memory
from glstylenet.network import EMBEDDED, VGG19, load_deeper_weights, load_weights
from glstylenet.numerics import interruption_point
from glstylenet.proposals.borders import merge_islands, snap_borders
from glstylenet.proposals.clusters import k_means
from glstylenet.proposals.descriptors import describe

__all__ = ["DEFAULT_CLASSES", "Proposal", "class_colours", "load_network", "propose_maps"]


DEFAULT_CLASSES = 6


_FIRST_COLOURS = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
    (0, 0, 0),
)
"""The corners of the colour cube: none looks like a blend of two others."""


_LEVELS = (0, 85, 170, 255)
"""The channels of all further colours: 64 in all, at least 85 apart, so that maps tell all of them apart."""


_ONE_COLOUR = 8.0
"""A picture whose channels each vary by at most this many grey levels has one colour."""


@dataclass(frozen=True)
class Proposal:
    """`Proposal` holds the proposed maps of several pictures, with one palette.

    ``labels`` (H, W), uint8, give the class of every pixel of each picture. ``colours`` are the classes', in
    which the maps are drawn; the largest class comes first, or they are in the order of a portrait's.
    ``notes`` are sentences for the user. ``names`` are the classes' names where it is known what they are.
    """

    labels: tuple[Tensor, ...]
    colours: tuple[tuple[int, int, int], ...]
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def shares(self) -> tuple[tuple[float, ...], ...]:
        """The share, 0..1, that each class has of each picture: by class, then by picture."""
        counts = [each.flatten().bincount(minlength=len(self.colours)) / each.numel() for each in self.labels]
        return tuple(tuple(row) for row in torch.stack(counts, dim=1).tolist())

    def picture(self, number: int) -> Tensor:
        """Return the map of picture ``number``, from 0, as a picture (1, 3, H, W), uint8."""
        palette = torch.tensor(self.colours, dtype=torch.uint8)
        return palette[self.labels[number].long()].permute(2, 0, 1)[None]


def propose_maps(
    pictures: Sequence[Tensor], *, roles: Sequence[str], classes: int = DEFAULT_CLASSES, seed: int = 0
) -> Proposal:
    """Propose maps for ``pictures`` (1, 3, H, W), RGB 0..255, float32 or uint8; notes call them by ``roles``.

    At most ``classes`` (1..64) are proposed; the same things get the same class in all pictures as far as
    the network finds them alike. The same pictures and ``seed`` give the same maps. If a picture has one
    colour, there is one class for all of them. Computed on the CPU, so that a GPU changes no map.

    Raises :class:`~glstylenet.errors.WeightsError`.

    >>> proposal = propose_maps([torch.full((1, 3, 32, 48), 128.0)], roles=["content"])
    >>> proposal.colours, proposal.labels[0].unique().tolist(), proposal.notes
    (((255, 0, 0),), [0], ('the content has one colour, so one class is proposed; the maps steer nothing',))
    """
    plain = [role for role, each in zip(roles, pictures, strict=True) if _has_one_colour(each)]
    if plain or classes == 1:
        empty = tuple(torch.zeros(tuple(each.shape[2:]), dtype=torch.uint8) for each in pictures)
        return Proposal(empty, class_colours(1), _one_class_notes(plain))
    # Blocks that reading, describing and snapping free do not fit what follows.
    return_freed_memory()
    described = _describe_all(pictures)
    return_freed_memory()
    points = torch.cat([each[0].flatten(1).T for each in described])
    sizes = [each.shape[-2] * each.shape[-1] for each in described]
    clusters = torch.split(k_means(points, classes, seed=seed), sizes)
    labels = []
    for members, each, picture in zip(clusters, described, pictures, strict=True):
        interruption_point()
        labels.append(merge_islands(snap_borders(members.view(each.shape[-2:]), picture)))
        return_freed_memory()
    return _ordered(labels, classes)


def _describe_all(pictures: Sequence[Tensor]) -> list[Tensor]:
    network = load_network()
    return [describe(each, network) for each in pictures]


def load_network() -> VGG19:
    """Load the network of the proposals: VGG-19 up to conv5_1 with the embedded weights, on the CPU."""
    return VGG19({**load_weights(EMBEDDED).tensors, **load_deeper_weights()})


def class_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """Return ``count`` colours, at most 64, each as far as possible from those before it.

    >>> class_colours(3)
    ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    """
    chosen = list(_FIRST_COLOURS)
    every = torch.tensor(list(itertools.product(_LEVELS, repeat=3)))
    while len(chosen) < count:
        squared = ((every[:, None] - torch.tensor(chosen)) ** 2).sum(2)
        red, green, blue = every[squared.amin(1).argmax()].tolist()
        chosen.append((red, green, blue))
    return tuple(chosen[:count])


def _has_one_colour(pixels: Tensor) -> bool:
    spread = pixels.amax(dim=(2, 3)).float() - pixels.amin(dim=(2, 3)).float()
    return float(spread.max()) <= _ONE_COLOUR


def _one_class_notes(plain: Sequence[str]) -> tuple[str, ...]:
    if not plain:
        return ("one class was asked for; the maps steer nothing",)
    what = " and the ".join(plain)
    has = "has" if len(plain) == 1 else "have"
    return (f"the {what} {has} one colour, so one class is proposed; the maps steer nothing",)


def _ordered(labels: Sequence[Tensor], classes: int) -> Proposal:
    """Return the proposal whose first class is the largest; classes that no picture has are left out."""
    counts = [each.flatten().bincount(minlength=classes) / each.numel() for each in labels]
    shares = torch.stack(counts).sum(0)
    order = shares.argsort(descending=True, stable=True)[: int((shares > 0).sum())]
    number = torch.zeros(classes, dtype=torch.uint8)
    number[order] = torch.arange(len(order), dtype=torch.uint8)
    renumbered = tuple(number[each.long()] for each in labels)
    fewer = f"{len(order)} of {classes} classes are left; the others were small and joined their neighbours"
    notes = (fewer,) if len(order) < classes else ()
    return Proposal(renumbered, class_colours(len(order)), notes)
