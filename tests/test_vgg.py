"""The network: known activations, channel order, pooling, padding, and what it does not compute."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.network import banded_block
from glstylenet.network.conv_relu import ConvRelu
from glstylenet.network.layers import CONVOLUTIONS, LAYER_CHANNELS, LAYER_NAMES, LAYERS, layer_size
from glstylenet.network.protocol import features
from glstylenet.network.vgg import MEAN_RGB, VGG19, SavedForBackward
from glstylenet.network.weights import load_deeper_weights, load_weights
from glstylenet.network.windowed_grad import WindowedGrad
from glstylenet.numerics.rectangle import Rect, whole
from tests.long_cases import rest_is_long

Weights = Mapping[str, Tensor]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module")
def network(weights: Weights) -> VGG19:
    return VGG19(weights)


def _slopes() -> Tensor:
    """A 16 x 24 picture: red rises to the right, green falls downwards, blue repeats."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing="ij")
    return torch.stack((10 * x, 255 - 15 * y, (x * y) % 97 + 40))[None]


def _features(network: VGG19, pixels: Tensor, layers: tuple[int, ...] = (1, 2, 3, 4)) -> dict[int, Tensor]:
    """F^l by l."""
    found = features(network, pixels, [LAYER_NAMES[layer] for layer in layers])
    return {layer: found[LAYER_NAMES[layer]] for layer in layers}


def _forward(
    network: VGG19, pixels: Tensor, names: tuple[str, ...], *, save_for_backward: bool = True
) -> tuple[dict[str, Tensor], SavedForBackward]:
    """The features that the sink receives, and what is saved."""
    bands: dict[str, list[Tensor]] = {name: [] for name in names}

    def sink(name: str, feature: Tensor, rows: tuple[int, int]) -> None:
        assert sum(band.shape[-2] for band in bands[name]) == rows[0]
        bands[name].append(feature[..., : rows[1] - rows[0], :])

    saved = network.forward(pixels, names, sink, save_for_backward=save_for_backward)
    return {name: torch.cat(parts, dim=2) for name, parts in bands.items()}, saved


def _small_network(kernel: Tensor) -> VGG19:
    """Three channels everywhere. conv1_1 has ``kernel`` (3, 3) for each channel; the others copy."""
    weights = {}
    for name in CONVOLUTIONS:
        weight = torch.zeros(3, 3, 3, 3)
        for channel in range(3):
            if name == "conv1_1":
                weight[channel, channel] = kernel
            else:
                weight[channel, channel, 1, 1] = 1.0
        weights[f"{name}.weight"], weights[f"{name}.bias"] = weight, torch.zeros(3)
    return VGG19(weights)


def _copying() -> VGG19:
    return _small_network(torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]))


def _above_mean(values: Tensor) -> Tensor:
    """The picture whose colours lie ``values`` (..., H, W) above the mean colour, in all channels."""
    return torch.tensor(MEAN_RGB).view(1, 3, 1, 1) + values


def test_known_activations(network: VGG19) -> None:
    features = _features(network, _slopes())
    means = [features[layer].mean().item() for layer in (1, 2, 3, 4)]
    assert means == pytest.approx([27.260229, 127.268181, 142.294876, 418.085602], rel=1e-4)
    largest = [features[layer].max().item() for layer in (1, 2, 3, 4)]
    assert largest == pytest.approx([646.9829, 3237.1482, 4263.3828, 5936.3555], rel=1e-4)
    assert features[1][0, 12, 1, 1].item() == pytest.approx(646.9829, rel=1e-4)
    assert features[2][0, 102, 0, 2].item() == pytest.approx(3237.1482, rel=1e-4)
    assert features[3][0, 220, 1, 1].item() == pytest.approx(4224.9380, rel=1e-4)
    assert features[4][0, 34, 1, 1].item() == pytest.approx(5922.8037, rel=1e-4)


def test_first_convolution_sees_blue_green_red_minus_the_mean(weights: Weights, network: VGG19) -> None:
    """By hand, with the weights as they were trained: BGR, minus (103.939, 116.779, 123.68)."""
    pixels = _slopes()
    red, green, blue = pixels[0]
    trained_on = torch.stack((blue - 103.939, green - 116.779, red - 123.68))[None]
    by_hand = F.relu(F.conv2d(trained_on, weights["conv1_1.weight"], weights["conv1_1.bias"], padding=1))
    torch.testing.assert_close(_features(network, pixels, (1,))[1], by_hand, rtol=1e-5, atol=1e-3)
    # And it matters: the same picture fed as RGB gives something else.
    swapped = _features(network, pixels.flip(1), (1,))[1]
    assert float((swapped - by_hand).abs().max()) > 50


def test_a_red_picture_is_not_a_blue_one(network: VGG19) -> None:
    red, blue = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    red[:, 0], blue[:, 2] = 255.0, 255.0
    of_red, of_blue = _features(network, red), _features(network, blue)
    for layer in (1, 2, 3, 4):
        difference = (of_red[layer] - of_blue[layer]).norm() / of_red[layer].norm()
        assert float(difference) > 0.3


def test_channel_0_of_a_copying_network_is_blue() -> None:
    pixels = _above_mean(torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)).expand(1, 3, 8, 8)
    copied = _features(_copying(), pixels, (1,))[1]
    assert copied[0, :, 4, 4].tolist() == pytest.approx([3.0, 2.0, 1.0], abs=1e-4)


def test_pooling_takes_the_mean_not_the_maximum() -> None:
    values = torch.zeros(8, 8)
    values[:2, :2] = torch.tensor([[1.0, 2.0], [3.0, 10.0]])  # mean 4, maximum 10
    values[2:4, :2] = 8.0
    features = _features(_copying(), _above_mean(values))
    assert features[2][0, 0, 0, 0].item() == pytest.approx(4.0, abs=1e-4)
    assert features[3][0, 0, 0, 0].item() == pytest.approx((4 + 0 + 8 + 0) / 4, abs=1e-4)
    assert features[4][0, 0, 0, 0].item() == pytest.approx(3 / 4, abs=1e-4)


def test_negative_activations_become_zero() -> None:
    values = torch.full((8, 8), -5.0)
    values[0, 0] = 7.0
    first = _features(_copying(), _above_mean(values), (1,))[1]
    assert first[0, 0, 0, 0].item() == pytest.approx(7.0, abs=1e-4)
    assert first.sum().item() == pytest.approx(3 * 7.0, abs=1e-3)


def test_outside_the_picture_is_the_mean_colour() -> None:
    """Zeros are added after the mean is subtracted: ones count 9 pixels, 6 at edges, 4 in corners."""
    counts = _features(_small_network(torch.ones(3, 3)), _above_mean(torch.ones(5, 5)), (1,))[1][0, 0]
    expected = torch.full((5, 5), 6.0)
    expected[1:-1, 1:-1] = 9.0
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        expected[corner] = 4.0
    torch.testing.assert_close(counts, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("names", "convolutions"),
    [
        (("conv1_1",), 1),
        (("conv1_2",), 2),
        (("conv2_1",), 3),
        (("conv2_2", "conv1_1"), 4),
        (("conv1_1", "conv3_1"), 5),
        (("conv3_4",), 8),
        (("conv4_1", "conv2_1"), 9),
    ],
)
def test_computes_no_deeper_than_asked(
    names: tuple[str, ...], convolutions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, calls = _copying(), 0
    real = ConvRelu.forward

    def counted(self: ConvRelu, value: Tensor, origin: tuple[int, int]) -> Tensor:
        nonlocal calls
        calls += 1
        return real(self, value, origin)

    monkeypatch.setattr(ConvRelu, "forward", counted)
    found = features(network, torch.rand(1, 3, 16, 16) * 255, names)
    assert tuple(found) == names
    assert calls == convolutions


def test_a_layer_that_is_not_there_is_refused(network: VGG19) -> None:
    with pytest.raises(ValueError, match=r"no layer 'conv5_1'; it has conv1_1, .*, conv4_1$"):
        features(network, _slopes(), ("conv1_1", "conv5_1"))


def test_a_layer_does_not_depend_on_which_others_are_asked(network: VGG19) -> None:
    pixels = _slopes()
    together = _features(network, pixels)
    for layer in (1, 2, 3, 4):
        torch.testing.assert_close(_features(network, pixels, (layer,))[layer], together[layer])


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (8, 8), (9, 31)])
def test_shapes(network: VGG19, size: tuple[int, int]) -> None:
    features = _features(network, torch.rand(1, 3, *size) * 255)
    for layer, channels in LAYER_CHANNELS.items():
        assert features[layer].shape == (1, channels, *layer_size(size, layer))
        assert features[layer].dtype == torch.float32
        assert bool((features[layer] >= 0).all())


def test_the_gradient_reaches_every_pixel(network: VGG19) -> None:
    pixels = _slopes()
    _, saved = _forward(network, pixels, ("conv4_1",))
    gradient = network.backward(saved, {"conv4_1": _all_of(torch.ones(1, 512, 2, 3))})
    assert gradient.shape == pixels.shape
    assert bool(gradient.isfinite().all())
    assert float((gradient != 0).float().mean()) > 0.99


def test_pixels_are_left_alone(network: VGG19) -> None:
    pixels = _slopes()
    _features(network, pixels)
    assert torch.equal(pixels, _slopes())


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (8, 9)], ids=str)
def test_features_are_those_of_plain_convolutions(
    weights: Weights, network: VGG19, size: tuple[int, int]
) -> None:
    """For a backward pass and without one: other kernels, the same numbers."""
    pixels = 255 * torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0))
    names = tuple(LAYER_NAMES.values())
    expected = PlainVGG19(weights).outputs(pixels, names)
    with_saved, _ = _forward(network, pixels, names)
    without, saved = _forward(network, pixels, names, save_for_backward=False)
    assert not saved.blocks
    assert not saved.masks
    for found in (with_saved, without, features(network, pixels, names)):
        for name in names:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-2)
            assert found[name].is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_features_are_close(weights: Weights, network: VGG19) -> None:
    exact = _features(network, _slopes())
    rough = _features(VGG19(weights, dtype=torch.bfloat16), _slopes())
    for layer in (1, 2, 3, 4):
        assert rough[layer].dtype == torch.bfloat16
        error = (rough[layer].float() - exact[layer]).norm() / exact[layer].norm()
        assert float(error) < 0.02


@pytest.fixture(scope="module")
def all_weights(weights: Weights) -> Weights:
    return {**weights, **load_deeper_weights()}


@pytest.fixture(scope="module")
def exact(all_weights: Weights) -> VGG19:
    """Up to conv5_1 and in float64, so that what is compared is the mathematics."""
    return VGG19(all_weights, dtype=torch.float64)


@pytest.fixture(scope="module")
def plain(all_weights: Weights) -> PlainVGG19:
    return PlainVGG19(all_weights, dtype=torch.float64)


def _all_of(gradient: Tensor) -> list[WindowedGrad]:
    """A gradient with respect to a whole feature."""
    return [WindowedGrad(gradient, whole((gradient.shape[-2], gradient.shape[-1])))]


SUBSETS = [
    *(tuple(LAYER_NAMES[layer] for layer in each) for each in [(1,), (4,), (1, 2), (2, 3), (1, 4)]),
    tuple(LAYER_NAMES.values()),
    # Layers that no loss compares: inside and at the end of a block in bands, and beyond conv4_1.
    ("conv1_2",),
    ("conv2_1", "conv2_2"),
    ("conv1_2", "conv2_2", "conv3_4", "conv4_4"),
    ("conv5_1", "conv1_1"),
]


SIZES = [(16, 24), (17, 23), (19, 31), (8, 9), (33, 24)]

CASES = [
    (names, size)
    for names in SUBSETS
    for size in SIZES
    if min(LAYERS[names[0]].scale_down(size)) > 0  # conv5_1 has a sixteenth of the size
]


@pytest.mark.parametrize(("names", "size"), rest_is_long(CASES, short=3), ids=str)
@pytest.mark.parametrize("band_entries", [1, banded_block._BAND_ENTRIES])
def test_backward_is_autograd_s(
    exact: VGG19,
    plain: PlainVGG19,
    names: tuple[str, ...],
    size: tuple[int, int],
    band_entries: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one band, and in bands of eight rows."""
    monkeypatch.setattr(banded_block, "_BAND_ENTRIES", band_entries)
    generator = torch.Generator().manual_seed(0)
    pixels = 255 * torch.rand((1, 3, *size), generator=generator, dtype=torch.float64)
    variable = pixels.clone().requires_grad_()
    outputs = plain.outputs(variable, names)
    others = {
        name: torch.randn(outputs[name].shape, generator=generator, dtype=torch.float64) for name in names
    }
    (expected,) = torch.autograd.grad([outputs[name] for name in names], variable, list(others.values()))
    found, saved = _forward(exact, pixels, names)
    for name in names:
        torch.testing.assert_close(found[name], outputs[name], rtol=1e-12, atol=1e-9)
    gradient = exact.backward(saved, {name: _all_of(other) for name, other in others.items()})
    assert gradient.shape == pixels.shape
    assert gradient.dtype == torch.float64
    assert float((gradient - expected).abs().max()) < 1e-10 * float(expected.abs().max())


def test_parts_of_a_gradient_add_up(exact: VGG19, plain: PlainVGG19) -> None:
    """Two that overlap, for a layer that is not the deepest; nothing for the deepest."""
    pixels = _slopes().double()
    variable = pixels.clone().requires_grad_()
    feature = plain.features(variable, (2, 3))[2]
    first, second = Rect(0, 0, 8, 8), Rect(3, 2, 5, 12)
    (expected,) = torch.autograd.grad(
        3.0 * feature[..., *first.slices].sum() + feature[..., *second.slices].sum(), variable
    )
    ones = [torch.ones(1, 128, *window.size, dtype=torch.float64) for window in (first, second)]
    parts = [WindowedGrad(ones[0], first, factor=3.0), WindowedGrad(ones[1], second)]
    gradient = exact.backward(_forward(exact, pixels, ("conv2_1", "conv3_1"))[1], {"conv2_1": parts})
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


def test_what_is_saved_serves_one_backward_pass(network: VGG19) -> None:
    found, saved = _forward(network, _slopes(), ("conv1_1", "conv2_1"))
    ones = torch.ones_like(found["conv2_1"])
    network.backward(saved, {"conv2_1": _all_of(ones)})
    with pytest.raises(ValueError, match="one backward pass"):
        network.backward(saved, {"conv2_1": _all_of(ones)})


@pytest.mark.parametrize("name", ["conv2_2", "conv3_1"])
def test_a_gradient_for_a_layer_not_computed_is_refused(network: VGG19, name: str) -> None:
    _, saved = _forward(network, _slopes(), ("conv2_1",))
    with pytest.raises(ValueError, match=f"gradient for {name}"):
        network.backward(saved, {name: _all_of(torch.ones(1, 128, 8, 12))})


def test_a_gradient_that_was_given_is_left_alone(network: VGG19) -> None:
    given = torch.ones(1, 128, 8, 12)
    network.backward(_forward(network, _slopes(), ("conv2_1",))[1], {"conv2_1": _all_of(given)})
    assert torch.equal(given, torch.ones(1, 128, 8, 12))


@pytest.mark.parametrize("seed", rest_is_long(range(3), short=1))
def test_a_bfloat16_gradient_is_no_rougher_than_autograd_s(
    weights: Weights, network: VGG19, seed: int
) -> None:
    """Three digits at each of nine convolutions, and ReLUs that open or close: about 6 % either way."""
    generator = torch.Generator().manual_seed(seed)
    pixels = 255 * torch.rand((1, 3, 32, 48), generator=generator)
    other = torch.randn((1, 512, 4, 6), generator=generator)
    rough, low = VGG19(weights, dtype=torch.bfloat16), other.bfloat16()
    gradient = rough.backward(_forward(rough, pixels, ("conv4_1",))[1], {"conv4_1": _all_of(low)})
    assert gradient.dtype == torch.float32
    variable = pixels.clone().requires_grad_()
    plain = PlainVGG19(weights, dtype=torch.bfloat16)
    (of_autograd,) = torch.autograd.grad((plain.features(variable, (4,))[4] * low).sum(), variable)
    exact = network.backward(_forward(network, pixels, ("conv4_1",))[1], {"conv4_1": _all_of(other)})
    assert float((gradient - exact).norm()) < 1.1 * float((of_autograd - exact).norm())
    assert float((gradient - exact).norm() / exact.norm()) < 0.1


def test_neither_direction_is_part_of_a_graph(network: VGG19) -> None:
    pixels = _slopes().requires_grad_()
    found, saved = _forward(network, pixels, ("conv2_1",))
    assert not found["conv2_1"].requires_grad
    gradient = network.backward(saved, {"conv2_1": _all_of(torch.ones(1, 128, 8, 12))})
    assert not gradient.requires_grad


def test_a_network_has_the_layers_it_has_weights_for(network: VGG19, exact: VGG19) -> None:
    assert tuple(network.channels) == CONVOLUTIONS
    assert tuple(exact.channels) == tuple(LAYERS)
    assert exact.channels == {name: layer.out_channels for name, layer in LAYERS.items()}
    assert network.digest != exact.digest
