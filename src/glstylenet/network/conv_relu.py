"""ConvRelu: one 3x3 convolution with its ReLU, forward and backward, in the fastest way the machine has.

All ways give the same numbers up to rounding in the tensors' type:

- PyTorch's own convolution, then its ReLU, where nothing faster is known;
- oneDNN's and cuDNN's, which apply the ReLU in the same pass;
- :mod:`~glstylenet.network.winograd` for float32 on a CPU, where multiplications are what costs (bfloat16 and
  GPUs have units that make them cheap);
- :mod:`~glstylenet.network.matmul_conv` for float32 on a GPU, where PyTorch's own would round to TF32's three
  digits.
"""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network.matmul_conv import MatmulConv
from glstylenet.network.winograd import WinogradConv
from glstylenet.numerics import interruption_point

__all__ = ["ConvRelu"]


_MANY_CHANNELS = 64 * 128
"""Input times output channels from which on Winograd's algorithm is faster (docs/notebook.md)."""


_HAS_FUSED_RELU: bool = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
)
"""Whether PyTorch has the operation that torch.compile emits for a convolution with its ReLU: not all builds
have oneDNN."""


_HAS_CUDNN: bool = torch.version.cuda is not None and torch.backends.cudnn.is_available()  # type: ignore[no-untyped-call]
"""Whether there is cuDNN: PyTorch calls the GPUs of other makers "cuda" too, and has no cuDNN for them."""


class ConvRelu:
    """relu(conv(x) + bias) with zero padding 1.

    ``weight`` (O, C, 3, 3) and ``bias`` (O) are on the device and in the type that is computed in.
    ``gradient_factor`` multiplies the gradient that :meth:`backward` returns.

    >>> layer = ConvRelu(torch.ones(1, 1, 3, 3), torch.tensor([-5.0]))
    >>> layer.forward(torch.ones(1, 1, 3, 3))[0, 0].tolist()
    [[0.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, gradient_factor: float = 1.0) -> None:
        self.weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = bias
        self._gradient_factor = gradient_factor
        on_cpu = weight.device.type == "cpu"
        self._fuses_on_cpu = on_cpu and _HAS_FUSED_RELU and _has_fused_relu_for(weight.dtype)
        on_gpu = weight.device.type == "cuda"
        self._fuses_on_gpu = on_gpu and _HAS_CUDNN and weight.dtype == torch.bfloat16
        has_many_channels = weight.shape[0] * weight.shape[1] >= _MANY_CHANNELS
        self.uses_winograd = on_cpu and has_many_channels and weight.dtype == torch.float32
        self._has_kernel = self.uses_winograd or (on_gpu and weight.dtype == torch.float32)

    # Computed when first needed: Winograd's weights are four times as large, and not every network is used
    # for both directions.

    @cached_property
    def _adjoint(self) -> Tensor:
        return self._adjoint_weight().contiguous(memory_format=torch.channels_last)

    @cached_property
    def _kernel(self) -> WinogradConv | MatmulConv:
        return self._kernel_for(self.weight)

    @cached_property
    def _adjoint_kernel(self) -> WinogradConv | MatmulConv:
        return self._kernel_for(self._adjoint_weight())

    def _adjoint_weight(self) -> Tensor:
        """Return the weights of the backward pass: flipped in space, input and output channels exchanged."""
        return self.weight.flip(2, 3).transpose(0, 1) * self._gradient_factor

    def _kernel_for(self, weight: Tensor) -> WinogradConv | MatmulConv:
        return WinogradConv(weight) if self.uses_winograd else MatmulConv(weight)

    def forward(self, value: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Return relu(conv(``value``) + bias), (1, O, H, W), of (1, C, H, W); autograd does not follow.

        ``origin``: row and column at which ``value`` begins in the whole it was cut from, here and in
        :meth:`backward`; it changes nothing but rounding.
        """
        interruption_point()
        if self._has_kernel:
            return self._kernel.convolve_relu(value, self._bias, origin=origin)
        one = [1, 1]
        if self._fuses_on_gpu:
            return torch.cudnn_convolution_relu(value, self.weight, self._bias, one, one, one, 1)
        if not self._fuses_on_cpu:
            return F.relu(F.conv2d(value, self.weight, self._bias, padding=1), inplace=True)
        # This operation's ReLU turns NaN into 0, and PyTorch's does not.
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            value, self.weight, self._bias, one, one, one, 1, "relu", [], ""
        )
        return fused

    def backward(self, gradient: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Return the gradient with respect to the input, (1, C, H, W), times ``gradient_factor``.

        ``gradient`` (1, O, H, W) is that with respect to the ReLU's input: it is 0 wherever the output is
        (:class:`~glstylenet.network.relu_mask.ReluMask`).
        """
        interruption_point()
        if self._has_kernel:
            return self._adjoint_kernel.convolve(gradient, origin=origin)
        result = F.conv2d(gradient, self._adjoint, padding=1)
        return result.contiguous(memory_format=torch.channels_last)  # oneDNN and cuDNN return it so: no copy


def _has_fused_relu_for(dtype: torch.dtype) -> bool:
    return dtype == torch.float32 or (dtype == torch.bfloat16 and _has_bfloat16())


def _has_bfloat16() -> bool:
    """Return whether oneDNN convolves bfloat16 on this CPU; PyTorch itself does everywhere, slowly."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
