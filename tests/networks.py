"""The networks that tests of the objective share: with the embedded weights, and in float64."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from glstylenet.network.vgg import VGG19
from glstylenet.network.weights import load_weights

__all__ = ["exact", "network", "tensors"]


@pytest.fixture(scope="module")
def tensors() -> Mapping[str, Tensor]:
    return load_weights("embedded").tensors


@pytest.fixture(scope="module")
def exact(tensors: Mapping[str, Tensor]) -> VGG19:
    """In float64, so that what is compared is the mathematics."""
    return VGG19(tensors, dtype=torch.float64)


@pytest.fixture(scope="module")
def network(tensors: Mapping[str, Tensor]) -> VGG19:
    return VGG19(tensors)
