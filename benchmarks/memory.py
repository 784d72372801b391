"""Peak memory of runs of growing size: where the numbers in ``glstylenet.memory.estimate`` come from.

``python -m benchmarks.memory [DEVICE [PRECISION ...]]`` paints noise over noise for a few evaluations at
full size only, each size and precision in a process of its own. It prints the peak beside the planned memory,
which must be more, and fits bytes = base + slope * pixels. ``DEVICE``: cpu, the default, or cuda.
``PRECISION``: float32, the default, or bfloat16 (without hardware for it, that takes hours on a CPU).
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
from glstylenet import Settings, stylize
from glstylenet.events import Started
from glstylenet.machine import keep_freed_memory
keep_freed_memory()  # as the command does
side, precision, device = int(sys.argv[1]), sys.argv[2], sys.argv[3]
noise = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
settings = Settings(iterations=14, scales=1, precision=precision, device=device)
events = []
peak = stylize(noise[0], noise[1], settings=settings, on_event=events.append).peak_memory_bytes
print(json.dumps([peak, *(event.memory_bytes for event in events if isinstance(event, Started))]))
"""


def measure(side: int, precision: str, device: str) -> tuple[int, int]:
    """Return the peak bytes of a run of ``side`` x ``side`` pixels, and the planned bytes.

    The peak is that of the process, or on a GPU that of PyTorch.
    """
    command = [sys.executable, "-c", _RUN, str(side), precision, device]
    peak, planned = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return int(peak), int(planned)


def main() -> None:
    """Measure, fit and print."""
    device, *precisions = sys.argv[1:] or ["cpu"]
    for precision in precisions or ["float32"]:
        peaks = []
        for side in (*SIDES, UNEVEN_SIDE):
            peak, planned = measure(side, precision, device)
            peaks.append(peak)
            words = f"{peak / 2**20:8.0f} MiB, {planned / 2**20:.0f} MiB planned"
            print(f"{precision:9} {side:5} x {side:<5} {words}", flush=True)  # noqa: T201
        slope, base = np.polyfit([side**2 for side in SIDES], peaks[: len(SIDES)], 1)
        print(f"{precision:9} {base / 2**20:.0f} MiB + {slope:.0f} bytes a pixel", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
