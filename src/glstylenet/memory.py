"""Memory: what a run will need, told before anything is computed."""

from glstylenet.errors import MemoryLimitError
from glstylenet.patches import BLOCK_BYTES

__all__ = ["check_memory", "estimate_bytes", "format_bytes"]

# Peaks measured by benchmarks/memory.py at 256, 512 and 768 pixels a side: float32 599, 1268 and 1934 MiB,
# bfloat16 500, 971 and 1537 MiB. The figures lie a little above what was measured rather than below.
_BASE_BYTES = 300 * 2**20
_BYTES_PER_PIXEL = {"float32": 3000, "bfloat16": 2200}


def estimate_bytes(
    size: tuple[int, int], style_size: tuple[int, int], precision: str, *, classes: int = 0
) -> int:
    """Peak bytes of a run whose result has ``size`` (height, width), within about a quarter.

    The network's activations with their gradients grow with the result. The style passes through the
    network alone, without gradients, and needs about half as much. Maps add their ``classes`` channels.
    """
    pixels, style_pixels = size[0] * size[1], style_size[0] * style_size[1]
    network = max(pixels, style_pixels // 2) * _BYTES_PER_PIXEL[precision]
    maps = 2 * 4 * classes * (pixels + style_pixels)  # float32, at full size and at the scale in work
    return _BASE_BYTES + BLOCK_BYTES + network + maps


def check_memory(needed: int, allowed: int, size: tuple[int, int]) -> None:
    """Refuse a run that would not fit; raises :class:`~glstylenet.errors.MemoryLimitError` with advice."""
    if needed <= allowed:
        return
    share = max(0.0, (allowed - _BASE_BYTES - BLOCK_BYTES) / (needed - _BASE_BYTES - BLOCK_BYTES))
    # 2 % less than the square root says: both sides are rounded, of a strip by more than it can spare.
    longest = int(0.98 * max(size) * share**0.5)
    advice = f"--size {longest}" if longest >= 64 else "a machine with more memory"
    raise MemoryLimitError(
        f"a result of {size[1]} x {size[0]} pixels needs about {format_bytes(needed)}, and the run may use "
        f"{format_bytes(allowed)}; use {advice}, or raise --memory if more is free"
    )


def format_bytes(count: int) -> str:
    """Bytes in words: "3.2 GiB", "640 MiB"."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.0f} MiB"
