"""A network is a protocol: the objective works with one that has nothing of VGG-19's."""

from collections.abc import Sequence
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network.layers import LAYER_NAMES
from glstylenet.network.protocol import FeatureSink, Network, features, layer_channels
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.pyramid.schemes import SCHEMES
from tests.losses import loss_weights

Saved = tuple[Tensor, dict[str, Tensor]]


class ToyNetwork:
    """Means of 1, 2 x 2, 4 x 4 and 8 x 8 pixels, mixed by random 1 x 1 convolutions."""

    device, dtype, digest = torch.device("cpu"), torch.float64, "toy"
    layer_names: ClassVar = {1: "fine", 2: "medium", 3: "coarse", 4: "coarsest"}
    channels: ClassVar = {"fine": 2, "medium": 4, "coarse": 3, "coarsest": 5}

    def forward(
        self,
        pixels: Tensor,
        layers: Sequence[str],
        sink: FeatureSink,
        *,
        save_for_backward: bool = True,
        origin: tuple[int, int] = (0, 0),
    ) -> Saved:
        variable = pixels.double().requires_grad_()
        outputs: dict[str, Tensor] = {}
        for number, name in enumerate(self.layer_names.values()):
            weight = torch.randn(self.channels[name], 3, 1, 1, generator=_seeded(number)).double()
            with torch.enable_grad():
                outputs[name] = F.conv2d(F.avg_pool2d(variable, 2**number), weight).square() / 100.0
            if name in layers:
                feature = outputs[name].detach().contiguous(memory_format=torch.channels_last)
                sink(name, feature, (0, feature.shape[-2]))
        return variable, outputs

    def backward(self, saved: Saved, gradients: dict[str, list[WindowedGrad]]) -> Tensor:
        variable, outputs = saved
        slopes = {name: torch.zeros_like(outputs[name]) for name in gradients}
        for name, parts in gradients.items():
            for part in parts:
                part.add_to(slopes[name])
        chosen = [outputs[name] for name in slopes]
        (gradient,) = torch.autograd.grad(chosen, variable, list(slopes.values()))
        return gradient


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _picture(seed: int, size: tuple[int, int]) -> Tensor:
    return 255.0 * torch.rand((1, 3, *size), generator=_seeded(seed), dtype=torch.float64)


def _objective(network: Network, scheme: str, tile_side: int | None) -> Objective:
    weights = loss_weights(content=10.0, local=100.0, global_=0.1, smoothness=1.0)
    content, style = _picture(1, (75, 66)), _picture(2, (48, 56))
    return Objective(network, SCHEMES[scheme], weights, content, [StyleGuide(style)], tile_side=tile_side)


@pytest.mark.parametrize("tile_side", [None, 32])
@pytest.mark.parametrize("scheme", ["g", "h", "a", "apart"])
def test_the_objective_takes_any_network(scheme: str, tile_side: int | None) -> None:
    """Its gradient is that of finite differences, with the matches held."""
    objective = _objective(ToyNetwork(), scheme, tile_side)
    pixels = _picture(3, (75, 66))
    found = objective.evaluate(pixels)
    assert all(value > 0 for value in found.terms.as_dict().values())
    direction, step = torch.randn(pixels.shape, generator=_seeded(4), dtype=torch.float64), 1e-4
    ahead, behind = (objective.evaluate(pixels + sign * step * direction).terms.total for sign in (1, -1))
    slope = float((found.gradient * direction).sum())
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_the_channels_are_the_network_s_own() -> None:
    toy: Network = ToyNetwork()
    assert layer_channels(toy) == {1: 2, 2: 4, 3: 3, 4: 5}
    vgg: Network = VGG19(load_weights("embedded").tensors)
    assert layer_channels(vgg) == {1: 64, 2: 128, 3: 256, 4: 512}
    assert vgg.layer_names == LAYER_NAMES


def test_features_joins_bands_without_their_extra_rows() -> None:
    class Banded(ToyNetwork):
        def forward(self, pixels: Tensor, layers: Sequence[str], sink: FeatureSink, **_: object) -> Saved:
            sink("fine", pixels[..., :9, :], (0, 8))
            sink("fine", pixels[..., 8:, :], (8, 13))
            return pixels, {}

    pixels = torch.arange(13.0 * 2).view(1, 1, 13, 2)
    assert torch.equal(features(Banded(), pixels, ("fine",))["fine"], pixels)
