"""Layers: the table of VGG-19 and what is computed from it, by hand and by measuring."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network.layers import (
    CONTENT_LAYER,
    CONVOLUTIONS,
    DEEPER_CONVOLUTIONS,
    DEEPEST_LAYER,
    LAYER_CHANNELS,
    LAYER_NAMES,
    LAYERS,
    ReceptiveField,
    layer_size,
    layer_sizes,
)
from glstylenet.network.protocol import features
from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_deeper_weights, load_weights
from glstylenet.pyramid.tiles import CELL, HALO
from tests.long_cases import rest_is_long


def test_the_table_is_vgg_19_s() -> None:
    assert CONVOLUTIONS == (
        "conv1_1",
        "conv1_2",
        "conv2_1",
        "conv2_2",
        "conv3_1",
        "conv3_2",
        "conv3_3",
        "conv3_4",
        "conv4_1",
    )
    assert DEEPER_CONVOLUTIONS == ("conv4_2", "conv4_3", "conv4_4", "conv5_1")
    assert (*CONVOLUTIONS, *DEEPER_CONVOLUTIONS) == tuple(LAYERS)
    assert LAYERS["conv1_1"].in_channels == 3
    assert [LAYERS[f"conv{block}_1"].out_channels for block in range(1, 6)] == [64, 128, 256, 512, 512]
    for before, after in itertools.pairwise(LAYERS.values()):
        assert after.in_channels == before.out_channels
    assert [name for name, layer in LAYERS.items() if layer.follows_pooling] == [
        "conv2_1",
        "conv3_1",
        "conv4_1",
        "conv5_1",
    ]


def test_the_paper_s_layers() -> None:
    assert LAYER_CHANNELS == {1: 64, 2: 128, 3: 256, 4: 512}
    assert CONTENT_LAYER == DEEPEST_LAYER == 4


def test_receptive_fields_by_hand() -> None:
    """conv1_1: one pixel on each side. conv1_2: two. A pooling: positions 2p and 2p + 1, hence -2 to +3."""
    assert LAYERS["conv1_1"].receptive_field == ReceptiveField(1, 1, 1)
    assert LAYERS["conv1_2"].receptive_field == ReceptiveField(1, 2, 2)
    assert LAYERS["conv1_2"].receptive_field.pooled() == ReceptiveField(2, 2, 3)
    found = {layer: LAYERS[name].receptive_field for layer, name in LAYER_NAMES.items()}
    assert {layer: (field.before, field.after) for layer, field in found.items()} == {
        1: (1, 1),
        2: (4, 5),
        3: (10, 13),
        4: (30, 37),
    }
    assert {layer: field.stride for layer, field in found.items()} == {1: 1, 2: 2, 3: 4, 4: 8}
    assert LAYERS["conv5_1"].receptive_field == ReceptiveField(16, 70, 85)


def test_halos_by_hand() -> None:
    """conv4_1: 30 pixels before its 8, and 37 - 7 = 30 behind them; rounded up to 32, and 8 for patches."""
    assert LAYERS["conv1_1"].receptive_field.halo == 2
    assert LAYERS["conv2_1"].receptive_field.halo == 4 + 2
    assert LAYERS["conv3_1"].receptive_field.halo == 12 + 4
    assert LAYERS["conv4_1"].receptive_field.halo == 32 + 8
    assert (CELL, HALO) == (8, 40)
    # What is behind counts where it is more.
    assert ReceptiveField(4, 2, 12).halo == 12 + 4


@pytest.fixture(scope="module")
def network() -> VGG19:
    weights = {**load_weights("embedded").tensors, **load_deeper_weights()}
    return VGG19(weights, dtype=torch.float64)


@pytest.mark.parametrize(
    "name", rest_is_long(["conv4_1", "conv1_2", "conv2_1", "conv3_4", "conv5_1"], short=2)
)
def test_positions_change_with_the_pixels_of_their_receptive_field(network: VGG19, name: str) -> None:
    """Measured along a column of pixels: one changes, and positions that depend on it change, no others."""
    layer = LAYERS[name]
    generator = torch.Generator().manual_seed(0)
    picture = 255 * torch.rand((1, 3, 256, 16), generator=generator, dtype=torch.float64)
    base = features(network, picture, (name,))[name]
    for row in (128, 133):
        changed = picture.clone()
        changed[..., row, 8] = 255.0 - changed[..., row, 8]
        difference = features(network, changed, (name,))[name] != base
        rows = difference.any(dim=3).any(dim=1)[0].nonzero().flatten().tolist()
        field = layer.receptive_field
        expected = [
            p
            for p in range(base.shape[-2])
            if field.stride * p - field.before <= row <= field.stride * p + field.after
        ]
        assert rows == expected


def _reached(pixels: Tensor) -> Tensor:
    """Where conv4_1 depends on a marked pixel: its nine convolutions and three poolings as maxima."""
    reached = pixels[None, None]
    for layer in LAYERS.values():
        if layer.follows_pooling:
            reached = F.max_pool2d(reached, 2)
        reached = F.max_pool2d(reached, 3, stride=1, padding=1)
        if layer.name == "conv4_1":
            break
    return reached[0, 0]


def test_the_receptive_field_is_the_one_the_halo_is_computed_for() -> None:
    """The numbers 30 and 37, found by marking one pixel after the other."""
    rows: list[int] = []
    for row in range(160):
        marked = torch.zeros(160, 16)
        marked[row] = 1.0
        if _reached(marked)[10, 0] > 0:
            rows.append(row)
    assert (rows[0], rows[-1]) == (8 * 10 - 30, 8 * 10 + 37)
    assert len(rows) == 68


@pytest.mark.parametrize("size", [(101, 70), (64, 64), (33, 47)], ids=str)
def test_sizes_are_those_of_the_features(network: VGG19, size: tuple[int, int]) -> None:
    found = features(network, torch.zeros(1, 3, *size, dtype=torch.float64), tuple(LAYERS))
    for name, layer in LAYERS.items():
        assert found[name].shape == (1, layer.out_channels, *layer.scale_down(size))
    expected = [tuple(found[name].shape[2:]) for name in LAYER_NAMES.values()]
    assert layer_sizes(size, tuple(LAYER_NAMES)) == expected
    assert layer_size(size, 4) == (size[0] // 8, size[1] // 8)
