"""Network: what the rest of the program expects of a convolutional network.

:class:`~glstylenet.network.vgg.VGG19` implements it. Another network can take its place, in the losses and
the pyramid, if its features F^l have the sizes of VGG-19's (1 / 2^(l-1) of the picture's, rounded down) and
depend on no more pixels (:attr:`~glstylenet.network.layers.ReceptiveField.halo`): pictures are cut into tiles
for these.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from glstylenet.network.windowed_grad import WindowedGrad

__all__ = ["FeatureSink", "Network", "features", "layer_channels"]


FeatureSink = Callable[[str, Tensor, tuple[int, int]], None]
"""Receives a layer's output band by band, from above: the layer's name, the rows (1, C, h, W), channels last,
and (first, last): the rows are first to last - 1, and row last too unless the feature ends before it. Bands
meet at multiples of 8."""


class Network(Protocol):
    """A network whose layers are asked for by name."""

    @property
    def device(self) -> torch.device:
        """Where the weights and features are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The type of the features."""
        ...

    @property
    def digest(self) -> str:
        """A text that differs between networks that compute different features."""
        ...

    @property
    def layer_names(self) -> Mapping[int, str]:
        """The name of the layer whose output is F^l, for each l."""
        ...

    @property
    def channels(self) -> Mapping[str, int]:
        """The channels of every layer that the network can compute, by name."""
        ...

    def forward(
        self,
        pixels: Tensor,
        layers: Sequence[str],
        sink: FeatureSink,
        *,
        save_for_backward: bool = True,
        origin: tuple[int, int] = (0, 0),
    ) -> Any:
        """Compute ``layers`` of ``pixels`` (1, 3, H, W), RGB 0..255, and give each to ``sink``.

        Returns what :meth:`backward` needs, which is the network's own affair; nothing of use unless
        ``save_for_backward``. ``origin``: row and column at which ``pixels`` begin in the picture they were
        cut from, multiples of 8. It may change how results are rounded and nothing else.
        """
        ...

    def backward(self, saved: Any, gradients: dict[str, list[WindowedGrad]]) -> Tensor:
        """Return the gradient with respect to the pixels, (1, 3, H, W), float32 or float64.

        ``saved`` is what :meth:`forward` returned; ``gradients`` maps a layer that it computed to the parts
        of the gradient with respect to that layer's output. Both may be used up.
        """
        ...


def features(network: Network, pixels: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return the outputs of ``layers`` of ``network`` for ``pixels`` (1, 3, H, W), RGB 0..255, by name.

    Each is (1, C, h, w), channels last, in the network's type. Autograd does not follow.
    """
    bands: dict[str, list[Tensor]] = {name: [] for name in layers}

    def sink(name: str, rows: Tensor, ends: tuple[int, int]) -> None:
        bands[name].append(rows[..., : ends[1] - ends[0], :])

    network.forward(pixels, layers, sink, save_for_backward=False)
    return {name: torch.cat(parts, dim=2) if len(parts) > 1 else parts[0] for name, parts in bands.items()}


def layer_channels(network: Network) -> dict[int, int]:
    """Return the channels of F^l in ``network``, for each l."""
    return {layer: network.channels[name] for layer, name in network.layer_names.items()}
