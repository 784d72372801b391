"""Portrait: maps of background, clothes, skin, hair, eyes and mouth, on photographs and painted faces.

The models tell a person from the background, and place points on faces. Within the person, skin, hair and
clothes are told apart by their colours, of which mixtures of Gaussians are fitted at places that are nearly
certain, and by a prior that depends on the place, measured in widths and heights of the face. Eyes and mouth
are outlines of the points.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from glstylenet.numerics import picture_size
from glstylenet.proposals.borders import guide_copy, merge_islands, snap_shares
from glstylenet.proposals.clusters import k_means
from glstylenet.proposals.face_models import FaceModels, Points
from glstylenet.proposals.proposal import DEFAULT_CLASSES, Proposal, propose_maps

__all__ = ["PORTRAIT_CLASSES", "propose_portrait_maps", "show_faces"]


PORTRAIT_CLASSES = {
    "background": (255, 0, 0),
    "clothes": (0, 0, 255),
    "skin": (0, 255, 0),
    "hair": (255, 255, 0),
    "eyes": (0, 255, 255),
    "mouth": (255, 0, 255),
}
"""The classes of a portrait with their colours in maps."""


_BACKGROUND, _CLOTHES, _SKIN, _HAIR, _EYES, _MOUTH = range(len(PORTRAIT_CLASSES))


_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Points of the model, in order around the face."""


_EYE_OUTLINES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)


_MOUTH_OUTLINE = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)


_FOREHEAD, _CHIN, _RIGHT_SIDE, _LEFT_SIDE = 10, 152, 234, 454


_COLOUR_NOISE = 8.0
"""Grey levels within which two colours are one."""


_MIXTURE = 3
"""Gaussians of a class's colours."""


_LEAST_PLACES = 20
"""A class with fewer places that are nearly certain has no colours of its own."""


_UNIFORM = 1.0 / 256.0**3
"""The density of colours of which nothing is known."""


_CLEARLY = 20.0
"""A colour that is so many times likelier than that is clearly one of the class."""


_WINDOW = 5.0
"""Standard deviation of the guided filter's window, in cells of 1/350 of the longest side."""


class _Faces(NamedTuple):
    """`_Faces` holds the faces of a picture, at the size of its copy.

    ``across`` and ``up`` (h, w) are the place of each pixel in the frame of the nearest face: 0 in its
    middle, -0.5 and 0.5 at its sides, at chin and forehead. ``inside`` (h, w) are the pixels of
    a face, ``features`` those of eyes and mouths.
    """

    across: Tensor
    up: Tensor
    inside: Tensor
    features: Tensor


def propose_portrait_maps(
    pictures: Sequence[Tensor], *, roles: Sequence[str], classes: int | None = None, seed: int = 0
) -> Proposal:
    """Propose maps of portraits for ``pictures`` (1, 3, H, W), RGB 0..255; notes call them by ``roles``.

    The classes are `PORTRAIT_CLASSES`; those that no picture has are left out. If no face is found in one
    of the pictures, a note says so, and the maps are those of :func:`propose_maps`, with ``classes`` and
    ``seed``.

    Raises :class:`~glstylenet.errors.UsageError` if ai-edge-litert is missing and
    :class:`~glstylenet.errors.WeightsError` for a damaged model.
    """
    models = FaceModels()
    guides = [guide_copy(each) for each in pictures]
    found = [models.faces(guide) for guide in guides]
    faceless = [role for role, faces in zip(roles, found, strict=True) if not faces]
    if faceless:
        where = " and the ".join(faceless)
        note = f"no face was found in the {where}, so maps are proposed from what is alike in both pictures"
        proposal = propose_maps(pictures, roles=roles, classes=classes or DEFAULT_CLASSES, seed=seed)
        return replace(proposal, notes=(note, *proposal.notes))
    labels = [
        _label(picture, guide, models.person(guide), faces)
        for picture, guide, faces in zip(pictures, guides, found, strict=True)
    ]
    present = sorted({number for each in labels for number in np.unique(each.numpy()).tolist()})
    numbers = torch.zeros(len(PORTRAIT_CLASSES), dtype=torch.uint8)
    numbers[present] = torch.arange(len(present), dtype=torch.uint8)
    names = [list(PORTRAIT_CLASSES)[number] for number in present]
    notes = () if classes is None else (f"classes is {classes} and has no effect: portraits have their own",)
    return Proposal(
        tuple(numbers[each.long()] for each in labels),
        tuple(PORTRAIT_CLASSES[name] for name in names),
        notes,
        tuple(names),
    )


def show_faces(pictures: Sequence[Tensor]) -> list[bool]:
    """Return which of ``pictures`` (1, 3, H, W), RGB 0..255, show a face.

    Raises the errors of :func:`propose_portrait_maps`.
    """
    models = FaceModels()
    return [bool(models.faces(guide_copy(each))) for each in pictures]


def _label(picture: Tensor, guide: Tensor, person: Tensor, faces: Sequence[Points]) -> Tensor:
    """Return the classes (H, W), uint8, of a picture."""
    shares = _shares(guide, person[0, 0], _locate(picture_size(guide), faces))
    labels = merge_islands(snap_shares(shares, guide, picture, window=_WINDOW))
    # Islands of eyes and mouth are wanted.
    size = picture_size(picture)
    factor = np.array(size[::-1]) / np.array(picture_size(guide)[::-1])
    for points in faces:
        for outline, number in (*((each, _EYES) for each in _EYE_OUTLINES), (_MOUTH_OUTLINE, _MOUTH)):
            labels[_filled(points[list(outline)] * factor, size)] = number
    return labels


def _locate(size: tuple[int, int], faces: Sequence[Points]) -> _Faces:
    """Return where the pixels of a copy of ``size`` lie in and around the faces."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    nearest = np.full(size, np.inf)
    across, up = np.zeros(size), np.zeros(size)
    inside, features = torch.zeros(size, dtype=torch.bool), torch.zeros(size, dtype=torch.bool)
    for points in faces:
        height, width = points[_FOREHEAD] - points[_CHIN], points[_LEFT_SIDE] - points[_RIGHT_SIDE]
        middle = (points[_FOREHEAD] + points[_CHIN]) / 2
        offset = np.stack([columns - middle[0], rows - middle[1]], axis=-1)
        above = offset @ (height / (height @ height))
        # A face that is turned aside is narrow, its head is not.
        level = np.array([-height[1], height[0]]) / np.hypot(*height)
        aside = offset @ (level / max(float(np.hypot(*width)), 0.7 * float(np.hypot(*height))))
        distance = np.hypot(above, aside)
        is_nearer = distance < nearest
        nearest[is_nearer], across[is_nearer], up[is_nearer] = (
            each[is_nearer] for each in (distance, aside, above)
        )
        inside |= _filled(points[list(_OVAL)], size)
        for outline in (*_EYE_OUTLINES, _MOUTH_OUTLINE):
            features |= _filled(points[list(outline)], size)
    return _Faces(torch.from_numpy(across), torch.from_numpy(up), inside, features)


def _shares(guide: Tensor, person: Tensor, faces: _Faces) -> Tensor:
    """Return the shares (1, 4, h, w) of background, clothes, skin and hair."""
    aside, up = faces.across.abs(), faces.up
    is_person = person > 0.5
    colours = guide[0].flatten(1).T.double()
    is_cheek = faces.inside & ~faces.features & (aside < 0.4) & (up.abs() < 0.3)
    skin = _likelihood(colours, is_cheek.flatten()).view(up.shape)
    is_hair = is_person & ~faces.inside & (up > 0.72) & (aside < 0.6)
    # Hands lie among the clothes.
    is_clothed = is_person & (up < -1.2) & (skin < _CLEARLY * _UNIFORM)
    hair, clothes = (_likelihood(colours, each.flatten()).view(up.shape) for each in (is_hair, is_clothed))
    weights = [_clothes_prior(up) * clothes, _skin_prior(faces) * skin, _hair_prior(faces) * hair]
    sums = torch.stack(weights)
    sums = sums / sums.sum(0).clamp_min(torch.finfo(sums.dtype).tiny)
    whole = torch.where(faces.inside, 1.0, person.double())
    return torch.cat([(1.0 - whole)[None], whole * sums])[None].float()


def _clothes_prior(up: Tensor) -> Tensor:
    return torch.where(up < -1.1, 0.8, torch.where(up < -0.6, 0.4, torch.where(up < -0.4, 0.05, 0.002)))


def _skin_prior(faces: _Faces) -> Tensor:
    aside, up = faces.across.abs(), faces.up
    prior = torch.where(up < -0.6, 0.08, 0.05)
    is_neck = (aside < 0.45) & (up < -0.4) & (up > -0.9)
    is_ear = (aside < 0.7) & (up > -0.3) & (up < 0.25)
    # The points end below the hairline.
    is_forehead = (aside < 0.45) & (up > 0.25) & (up < 0.75)
    prior = torch.where(is_neck, 0.6, torch.where(is_ear | is_forehead, 0.4, prior))
    return torch.where(faces.inside, 0.85, prior)


def _hair_prior(faces: _Faces) -> Tensor:
    aside, up = faces.across.abs(), faces.up
    beside = torch.where((aside > 0.3) & (aside < 1.3) & (up > -1.0), 0.2, 0.005)
    outside = torch.where(up > 0.3, 0.6, torch.where(up > -0.4, 0.5, beside))
    # A beard, or hair that falls into the forehead; never between the eyes.
    is_middle = (aside < 0.25) & (up > -0.15) & (up < 0.3)
    return torch.where(faces.inside, torch.where(is_middle, 0.0, 0.15), outside)


def _likelihood(colours: Tensor, places: Tensor) -> Tensor:
    """Return the density (N) at ``colours`` (N, 3) of a mixture fitted to those at ``places`` (N).

    Clusters take the place of an expectation maximisation. Every colour has a little density: a shadow is
    of no colour that was sure.
    """
    known = colours[places]
    if len(known) < _LEAST_PLACES:
        return torch.full((len(colours),), _UNIFORM, dtype=colours.dtype)
    known = known[:: max(1, len(known) // 4000)]
    members = k_means(known.float(), _MIXTURE, seed=0)
    density = torch.full((len(colours),), 0.05 * _UNIFORM, dtype=colours.dtype)
    noise = _COLOUR_NOISE**2 * torch.eye(3, dtype=colours.dtype)
    for number in np.unique(members.numpy()).tolist():
        group = known[members == number]
        covariance = noise + torch.cov(group.T, correction=0)
        factor = torch.linalg.cholesky(covariance)
        offset = torch.linalg.solve_triangular(factor, (colours - group.mean(0)).T, upper=False)
        scale = (2.0 * torch.pi) ** 1.5 * factor.diagonal().prod()
        density += len(group) / len(known) * torch.exp(-0.5 * (offset**2).sum(0)) / scale
    return density


def _filled(outline: Points, size: tuple[int, int]) -> Tensor:
    """Return which pixels of ``size`` (height, width) lie inside ``outline``, x and y in pixels."""
    mask = Image.new("L", size[::-1])
    # Pillow counts from the middle of the first pixel.
    ImageDraw.Draw(mask).polygon([(x - 0.5, y - 0.5) for x, y in outline.tolist()], fill=1)
    return torch.from_numpy(np.array(mask, np.bool_))
