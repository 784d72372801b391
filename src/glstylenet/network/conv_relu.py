"""ConvRelu: one 3x3 convolution with its ReLU, there and back, in the fastest way the machine has.

All ways give the same numbers to their type's rounding. PyTorch's own, which autograd can follow; oneDNN's
and cuDNN's, which add the ReLU to the same pass; :mod:`~glstylenet.network.winograd`'s for float32 on a CPU, where
multiplications are what costs, while bfloat16 and GPUs have units that make them cheap; and
:mod:`~glstylenet.network.matmul_conv`' for float32 on a GPU, where PyTorch's own would round to TF32's three digits.
"""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from glstylenet.network.matmul_conv import MatmulConv
from glstylenet.network.winograd import WinogradConv

__all__ = ["ConvRelu"]


_MANY_CHANNELS = 64 * 128
"""Input times output channels from which on Winograd's way is faster (docs/performance.md)."""


_HAS_FUSED_RELU: bool = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
)
"""What torch.compile emits for a convolution with its ReLU; not all builds of PyTorch have oneDNN."""


_HAS_CUDNN: bool = torch.version.cuda is not None and torch.backends.cudnn.is_available()  # type: ignore[no-untyped-call]
"""PyTorch calls the GPUs of other makers "cuda" too, and has no cuDNN for them."""


class ConvRelu:
    """Zero padding 1, ``weight`` (O, C, 3, 3) and ``bias`` (O), on their device and in their type.

    ``input_factor``: what every input has been multiplied by, or should have been; it is a factor of the
    gradient that :meth:`backward` returns.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, input_factor: float = 1.0) -> None:
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = bias
        self._input_factor = input_factor
        on_cpu = weight.device.type == "cpu"
        self._fuses = on_cpu and _HAS_FUSED_RELU and _is_fused(weight.dtype)
        on_gpu = weight.device.type == "cuda"
        self._fuses_on_gpu = on_gpu and _HAS_CUDNN and weight.dtype == torch.bfloat16
        many = weight.shape[0] * weight.shape[1] >= _MANY_CHANNELS
        self.takes_winograd = on_cpu and many and weight.dtype == torch.float32
        self._has_kernel = self.takes_winograd or (on_gpu and weight.dtype == torch.float32)

    # Made when first needed: Winograd's weights are four times as large, and not everybody goes both ways.

    @cached_property
    def _adjoint(self) -> Tensor:
        return self._flipped().contiguous(memory_format=torch.channels_last)

    @cached_property
    def _kernel(self) -> WinogradConv | MatmulConv:
        return self._kernel_of(self._weight)

    @cached_property
    def _adjoint_kernel(self) -> WinogradConv | MatmulConv:
        return self._kernel_of(self._flipped())

    def _flipped(self) -> Tensor:
        """What carries a gradient back: flipped in space, input and output channels exchanged."""
        return self._weight.flip(2, 3).transpose(0, 1) * self._input_factor

    def _kernel_of(self, weight: Tensor) -> WinogradConv | MatmulConv:
        return WinogradConv(weight) if self.takes_winograd else MatmulConv(weight)

    def differentiable(self, value: Tensor, _origin: tuple[int, int] = (0, 0)) -> Tensor:
        """The convolution and its ReLU of ``value`` (1, C, H, W), in PyTorch's own way, for autograd too.

        On a GPU float32 is TF32 there, unless the program that runs this chose otherwise.
        """
        return F.relu(F.conv2d(value, self._weight, self._bias, padding=1), inplace=True)

    def forward(self, value: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """The same, in the fastest way; not for autograd.

        ``origin``: row and column at which ``value`` begins in a whole it was cut from, here and in
        :meth:`backward`; it changes nothing but rounding.
        """
        if self._has_kernel:
            return self._kernel.convolve_relu(value, self._bias, origin=origin)
        one = [1, 1]
        if self._fuses_on_gpu:
            return torch.cudnn_convolution_relu(value, self._weight, self._bias, one, one, one, 1)
        if not self._fuses:
            return self.differentiable(value)
        # Its ReLU makes 0 of NaN; whoever wants to find NaN takes `differentiable`.
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            value, self._weight, self._bias, one, one, one, 1, "relu", [], ""
        )
        return fused

    def backward(self, gradient: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Gradient with respect to the input, times ``input_factor``, from the ``gradient`` with respect to
        what the ReLU got, which is 0 wherever it cut off."""
        if self._has_kernel:
            return self._adjoint_kernel.convolve(gradient, origin=origin)
        passed = F.conv2d(gradient, self._adjoint, padding=1)
        return passed.contiguous(memory_format=torch.channels_last)  # as it is, where oneDNN or cuDNN made it


def _is_fused(dtype: torch.dtype) -> bool:
    return dtype == torch.float32 or (dtype == torch.bfloat16 and _has_bfloat16())


def _has_bfloat16() -> bool:
    """Whether oneDNN convolves bfloat16 on this CPU; PyTorch itself does everywhere, slowly."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
