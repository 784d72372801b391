"""Map proposals: maps of a content picture and of styles that the library proposes, in the page's colours."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from glstylenet.numerics import interruptible, interruption_point, picture_size
from glstylenet.pictures import fitted_size, read_picture, resize
from glstylenet.proposals import DEFAULT_CLASSES, Proposal, propose_maps, propose_portrait_maps, show_faces
from glstylenet.settings import Role, style_role
from glstylenet.studio.limiter import Limiter
from glstylenet.studio.requests import Requests
from glstylenet.studio.setting_schema import MOST_STYLES, PALETTE
from glstylenet.studio.storage import Storage

__all__ = ["MAP_SIDE", "MapProposals", "ProposalRequest", "in_palette_colours"]


MAP_SIDE = 1600
"""The longest side of a proposed map in pixels, as of a map that is painted on the page."""


_ALWAYS = range(2)
"""The numbers of the content and the first style among the pictures."""


_Value = TypeVar("_Value")


_Name = Annotated[str, Field(max_length=100)]


class ProposalRequest(BaseModel):
    """`ProposalRequest` is the request of maps for pictures, named by their ids or ``sample:demo``."""

    model_config = ConfigDict(extra="forbid")

    content: str = Field(max_length=100)
    style: str = Field(max_length=100)
    further_styles: list[_Name] = Field(default_factory=list, max_length=MOST_STYLES - 1)
    portrait: bool = False
    classes: int | None = Field(default=None, ge=1, le=len(PALETTE))

    @property
    def pictures(self) -> dict[str, str]:
        """The names of all pictures by role."""
        further = {style_role(number): name for number, name in enumerate(self.further_styles, start=2)}
        return {Role.CONTENT.value: self.content, Role.STYLE.value: self.style, **further}


class MapProposals:
    """`MapProposals` proposes maps, those of one request at a time, and stores them as pictures."""

    def __init__(self, storage: Storage, requests: Requests) -> None:
        self._storage, self._requests = storage, requests
        self._limiter = Limiter(most_waiting=3, task="maps are being proposed")

    def of(self, request: ProposalRequest, should_stop: Callable[[], bool]) -> dict[str, object]:
        """Return the ids of the pictures' maps, the classes with their shares, and notes.

        Of portraits, a further style without a face has no map, ``None``: it may be there for the background.

        Raises :class:`~glstylenet.numerics.Interrupted` soon after ``should_stop`` returns True,
        :class:`~glstylenet.errors.InputError` for a missing picture,
        :class:`~glstylenet.errors.UsageError` for a portrait without the models' package, and
        :class:`~glstylenet.studio.limiter.BusyError` if too many requests wait.
        """
        with interruptible(should_stop), self._limiter.slot():
            interruption_point()  # it may have waited
            pictures = [self._read(name, role) for role, name in request.pictures.items()]
            all_roles = [role.replace("_", " ") for role in request.pictures]
            chosen = _with_faces(pictures) if request.portrait else range(len(pictures))
            pictures, roles = [pictures[k] for k in chosen], [all_roles[k] for k in chosen]
            if request.portrait:
                found = propose_portrait_maps(pictures, roles=roles, classes=request.classes)
            else:
                found = propose_maps(pictures, roles=roles, classes=request.classes or DEFAULT_CLASSES)
            proposal = in_palette_colours(found)
            stored = [self._storage.keep_pixels(proposal.picture(number)) for number in range(len(chosen))]
        maps = _in_place(stored, chosen, len(all_roles))
        names = proposal.names or (None,) * len(proposal.colours)
        faceless = [role for role in all_roles if role not in roles]
        return {
            "content_map": maps[0],
            "style_map": maps[1],
            "further_style_maps": maps[2:],
            "classes": [
                {
                    "colour": "#{:02x}{:02x}{:02x}".format(*colour),
                    "name": name,
                    "content_share": shares[0],
                    "style_share": shares[1],
                    "further_style_shares": _in_place(shares, chosen, len(all_roles))[2:],
                }
                for colour, name, shares in zip(proposal.colours, names, proposal.shares, strict=True)
            ],
            "notes": [
                *proposal.notes,
                *(f"no face was found in the {role}: it has no map" for role in faceless),
            ],
        }

    def _read(self, name: str, role: str) -> Tensor:
        """Return the pixels of a picture, at most as large as its map will be."""
        with self._storage.limiter.slot():
            pixels = read_picture(self._requests.file(name, role)).over_white
            size = picture_size(pixels)
            return resize(pixels, fitted_size(size, min(MAP_SIDE, max(size)))).round().byte()


def _with_faces(pictures: Sequence[Tensor]) -> Sequence[int]:
    """Return the numbers of the pictures to propose a portrait's maps of.

    If content and first style show faces, the further styles without are left out.
    """
    every = range(len(pictures))
    if len(pictures) == len(_ALWAYS):
        return every
    faces = show_faces(pictures)
    return [number for number in every if faces[number]] if all(faces[k] for k in _ALWAYS) else every


def _in_place(values: Sequence[_Value], numbers: Sequence[int], count: int) -> list[_Value | None]:
    """Return ``count`` places, the ``numbers`` of which hold ``values``.

    >>> _in_place("ab", [0, 2], 3)
    ['a', None, 'b']
    """
    placed = dict(zip(numbers, values, strict=True))
    return [placed.get(number) for number in range(count)]


def in_palette_colours(proposal: Proposal) -> Proposal:
    """Return ``proposal`` in the colours of the page's palette, at most one class in each.

    A class whose name the palette has gets that colour. Every other one, in order, gets the nearest colour
    that is still free. There may be as many classes as the palette has colours.

    >>> found = Proposal((), ((255, 0, 0), (250, 10, 10), (0, 255, 255)), (), ("", "", "eyes"))
    >>> in_palette_colours(found).colours
    ((255, 0, 0), (255, 128, 0), (192, 192, 192))
    """
    named: dict[str, tuple[int, int, int]] = {
        name: cast(tuple[int, int, int], tuple(bytes.fromhex(colour[1:]))) for name, colour in PALETTE.items()
    }
    names = proposal.names or ("",) * len(proposal.colours)
    free = [colour for name, colour in named.items() if name not in names]
    colours = []
    for name, colour in zip(names, proposal.colours, strict=True):
        if name in named:
            colours.append(named[name])
        else:
            colours.append(min(free, key=functools.partial(math.dist, colour)))
            free.remove(colours[-1])
    return replace(proposal, colours=tuple(colours))
