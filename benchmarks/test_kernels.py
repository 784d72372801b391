"""Seconds of the pieces that a run is made of, for ``make bench``: 512 x 352, five classes, scheme (g)."""

from collections.abc import Callable, Mapping
from typing import Protocol

import pytest
import torch
from torch import Tensor

from glstylenet.bench.synthetic_pictures import drawn_classes, drawn_picture, picture_tensor
from glstylenet.bench.timing import wait_for
from glstylenet.machine.device import Device, choose_device
from glstylenet.maps.labels import map_at
from glstylenet.matching.exact import match_patches, semantic_factor
from glstylenet.network.layers import DEEPEST_LAYER, LAYER_NAMES
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics import picture_size, whole
from glstylenet.objective.content import content_loss
from glstylenet.objective.gram import global_gradient, global_loss, gram
from glstylenet.objective.local import LocalTarget, local_loss, local_target
from glstylenet.objective.objective import Objective
from glstylenet.objective.smoothness import smoothness_loss
from glstylenet.objective.style_target import StyleStatistics
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import LossWeights
from glstylenet.optim.lbfgs import Lbfgs
from glstylenet.optim.preconditioner import Preconditioner
from glstylenet.pyramid.fuse import fuse
from glstylenet.pyramid.schemes import PAPER_SCHEMES, fused_size
from glstylenet.settings.model import Settings

SIZE = (512, 352)
CLASSES = 5
[LAYERS] = PAPER_SCHEMES["g"].groups
NAMES = tuple(LAYER_NAMES.values())


class Benchmark(Protocol):
    """pytest-benchmark's fixture, which has no types of its own."""

    def __call__(self, function: Callable[[], object]) -> object:
        """Time ``function``."""


class Timed(Protocol):
    """The same, for work that a GPU may still be busy with when the call returns."""

    def __call__(self, function: Callable[[], object]) -> None:
        """Time ``function`` and what it leaves behind."""


@pytest.fixture(scope="module")
def place() -> Device:
    return choose_device("auto", "auto")


@pytest.fixture
def timed(benchmark: Benchmark, place: Device) -> Timed:
    def time(function: Callable[[], object]) -> None:
        def until_done() -> None:
            function()
            wait_for(place.torch_device)

        benchmark(until_done)

    return time


@pytest.fixture(scope="module")
def network(place: Device) -> VGG19:
    return VGG19(load_weights("embedded").tensors, device=place.torch_device, dtype=place.dtype)


@pytest.fixture(scope="module")
def pictures(place: Device) -> tuple[Tensor, Tensor]:
    """Content and style."""
    content, style = (picture_tensor(drawn_picture(SIZE, seed), place.torch_device) for seed in range(2))
    return content, style


@pytest.fixture(scope="module")
def maps(place: Device) -> tuple[Tensor, Tensor]:
    """Of both, at full size."""
    content, style = (drawn_classes(SIZE, CLASSES, seed).to(place.torch_device) for seed in range(2))
    return content, style


@pytest.fixture(scope="module")
def pyramids(network: VGG19, pictures: tuple[Tensor, Tensor]) -> tuple[Mapping[int, Tensor], ...]:
    """F^1 to F^4 of both."""
    found = [features(network, picture, NAMES) for picture in pictures]
    return tuple({layer: each[name] for layer, name in LAYER_NAMES.items()} for each in found)


@pytest.fixture(scope="module")
def fused(pyramids: tuple[Mapping[int, Tensor], ...]) -> tuple[Tensor, Tensor]:
    content, style = (fuse(each, LAYERS) for each in pyramids)
    return content, style


@pytest.fixture(scope="module")
def target(fused: tuple[Tensor, Tensor]) -> LocalTarget:
    return local_target(StyleStatistics.of([fused[1]]), match_patches(*fused).index)


def test_network_forward(timed: Timed, network: VGG19, pictures: tuple[Tensor, Tensor]) -> None:
    timed(lambda: features(network, pictures[0], NAMES))


def test_network_forward_and_backward(timed: Timed, network: VGG19, pictures: tuple[Tensor, Tensor]) -> None:
    deepest = LAYER_NAMES[DEEPEST_LAYER]
    gradient = features(network, pictures[0], (deepest,))[deepest]
    window = whole(picture_size(gradient))

    def compute() -> None:
        saved = network.forward(pictures[0], NAMES, lambda _name, _feature, _rows: None)
        network.backward(saved, {deepest: [WindowedGrad(gradient, window)]})

    timed(compute)


def test_fusion(timed: Timed, pyramids: tuple[Mapping[int, Tensor], ...]) -> None:
    timed(lambda: fuse(pyramids[0], LAYERS))


@pytest.mark.parametrize("with_maps", [False, True], ids=["without maps", "with maps"])
def test_match_patches(
    timed: Timed, fused: tuple[Tensor, Tensor], maps: tuple[Tensor, Tensor], with_maps: bool
) -> None:
    query_map, style_map = (map_at(each, fused_size(SIZE, LAYERS)) for each in maps)
    timed(
        lambda: match_patches(
            *fused,
            query_map=query_map if with_maps else None,
            style_map=style_map if with_maps else None,
            map_factor=semantic_factor(Settings().semantic_weight),
        )
    )


def test_local_target(timed: Timed, fused: tuple[Tensor, Tensor]) -> None:
    index, style = match_patches(*fused).index, StyleStatistics.of([fused[1]])
    timed(lambda: local_target(style, index))


def test_content_loss(timed: Timed, pyramids: tuple[Mapping[int, Tensor], ...]) -> None:
    timed(lambda: content_loss(pyramids[0][4], pyramids[1][4]))


def test_local_loss(timed: Timed, fused: tuple[Tensor, Tensor], target: LocalTarget) -> None:
    timed(lambda: local_loss(fused[0], target))


def test_global_loss(timed: Timed, fused: tuple[Tensor, Tensor]) -> None:
    goal = gram(fused[1])

    def compute() -> None:
        matrix = gram(fused[0])
        global_loss(matrix, goal)
        global_gradient(fused[0], matrix - goal)

    timed(compute)


def test_smoothness_loss(timed: Timed, pictures: tuple[Tensor, Tensor]) -> None:
    timed(lambda: smoothness_loss(pictures[0]))


@pytest.mark.parametrize("rematch", [False, True], ids=["matches held", "matches fresh"])
def test_evaluation(
    timed: Timed,
    network: VGG19,
    pictures: tuple[Tensor, Tensor],
    maps: tuple[Tensor, Tensor],
    rematch: bool,
) -> None:
    content, style = pictures
    objective = Objective(
        network,
        PAPER_SCHEMES["g"],
        LossWeights.of(Settings()),
        content,
        [StyleGuide(style, maps[1])],
        content_map=maps[0],
    )
    objective.evaluate(content, rematch=True)
    timed(lambda: objective.evaluate(content, rematch=rematch))


def test_twenty_steps_of_lbfgs(timed: Timed, pictures: tuple[Tensor, Tensor]) -> None:
    """On a bowl, whose own cost is small: what the optimiser takes for itself."""
    bottom, start = pictures
    steepness = torch.linspace(0.1, 1.0, bottom.numel(), device=bottom.device).view_as(bottom)

    def evaluate(x: Tensor) -> tuple[float, Tensor]:
        slope = steepness * (x - bottom)
        return float((slope * (x - bottom)).sum()) / 2, slope

    def run() -> None:
        form = Preconditioner()
        list(Lbfgs(precondition=form, update_preconditioner=form.fit).run(evaluate, start, 20))

    timed(run)
