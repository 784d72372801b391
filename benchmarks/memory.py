"""Peak memory of runs of growing size: where the numbers in ``glstylenet.memory.estimate`` come from.

``python -m benchmarks.memory [DEVICE]`` paints noise over noise in a process of its own for each size and
precision, a few evaluations at full size only, and fits bytes = base + slope * pixels. ``DEVICE``: cpu, the
default, or cuda.
"""

import json
import subprocess
import sys

import numpy as np

__all__ = ["measure"]

SIDES = (256, 512, 768, 1024)
UNEVEN_SIDE = 765
"""With its margin no multiple of 8: gradients of resampled features are written out."""

_RUN = """
import json, sys
import numpy as np
from glstylenet.allocator import keep_freed_memory
from glstylenet.settings import Settings
from glstylenet.transfer import stylize
keep_freed_memory()  # as the command does
side, precision, device = int(sys.argv[1]), sys.argv[2], sys.argv[3]
noise = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
settings = Settings(iterations=14, scales=1, precision=precision, device=device)
print(json.dumps(stylize(noise[0], noise[1], settings=settings).peak_memory_bytes))
"""


def measure(side: int, precision: str, device: str) -> int:
    """Peak bytes of a run of ``side`` x ``side`` pixels: of the process, or of PyTorch on a GPU."""
    command = [sys.executable, "-c", _RUN, str(side), precision, device]
    return int(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Measure, fit and print."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    for precision in ("float32", "bfloat16"):
        peaks = [measure(side, precision, device) for side in SIDES]
        slope, base = np.polyfit([side**2 for side in SIDES], peaks, 1)
        for side, peak in zip(SIDES, peaks, strict=True):
            sys.stdout.write(f"{precision:9} {side:5} x {side:<5} {peak / 2**20:8.0f} MiB\n")
        uneven = measure(UNEVEN_SIDE, precision, device)
        sys.stdout.write(f"{precision:9} {UNEVEN_SIDE:5} x {UNEVEN_SIDE:<5} {uneven / 2**20:8.0f} MiB\n")
        sys.stdout.write(f"{precision:9} {base / 2**20:.0f} MiB + {slope:.0f} bytes a pixel\n")


if __name__ == "__main__":
    main()
