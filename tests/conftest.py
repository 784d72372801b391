"""What all tests share: a cache and a configuration folder of their own, and a loss term to register."""

import gc
import signal
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.studio_server import server

if TYPE_CHECKING:  # pytest's first process hands out tests, and starts sooner without PyTorch
    import torch
    from torch import Tensor

    from glstylenet.network.matmul_conv import MatmulConv
    from glstylenet.network.winograd import WinogradConv
    from glstylenet.objective.loss_term import LossTerm

__all__ = ["server"]  # a fixture for all


def pytest_sessionstart() -> None:
    """No garbage is looked for while thousands of tests are collected, all of which stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was collected and imported is left out of every search for garbage to come.

    The process that hands tests out collects none, and needs no search: it holds reports alone.
    """
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the user's settings, and the weights are converted once for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLSTYLENET_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("GLSTYLENET_DEVICE", "GLSTYLENET_WEIGHTS", "GLSTYLENET_OFFLINE", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def transformed_weights() -> Iterator[None]:
    """Winograd's transform of the same weights is computed once, not for every run of a few pixels."""
    from glstylenet.network.conv_relu import ConvRelu  # noqa: PLC0415
    from glstylenet.network.winograd import WinogradConv  # noqa: PLC0415

    kernels: dict[tuple[torch.Size, int], WinogradConv] = {}
    own = ConvRelu._kernel_for

    def once(layer: ConvRelu, weight: "Tensor") -> "WinogradConv | MatmulConv":
        if not layer.uses_winograd:
            return own(layer, weight)
        key = weight.shape, zlib.crc32(weight.contiguous().numpy().data)
        if key not in kernels:
            if len(kernels) == 100:
                kernels.clear()
            kernels[key] = WinogradConv(weight)
        return kernels[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConvRelu, "_kernel_for", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> None:
    """Signals that a script in the background ignores are heard by the programs that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def brightness_term() -> "Iterator[type[LossTerm]]":
    """A further loss term: its file, and this entry in the list, are all that it takes."""
    from glstylenet.objective.terms import TERMS  # noqa: PLC0415
    from tests.brightness import Brightness  # noqa: PLC0415

    TERMS.append(Brightness)
    try:
        yield Brightness
    finally:
        TERMS.remove(Brightness)
