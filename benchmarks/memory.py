"""Peak memory of runs of growing size: where the numbers in ``glstylenet.memory.estimate`` come from.

``python -m benchmarks.memory [DEVICE [PRECISION ...]]`` paints noise over noise for a few evaluations at
full size only, each size and precision in a process of its own. It prints the peak beside the planned memory,
which must be more, and fits bytes = base + slope * pixels. ``DEVICE``: cpu, the default, or cuda.
``PRECISION``: float32, the default, or bfloat16 (without hardware for it, that takes hours on a CPU).

``python -m benchmarks.memory proposals`` proposes maps for the package's samples at growing sizes.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from glstylenet.samples import sample_file

__all__ = ["measure", "measure_proposal"]

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


_PROPOSAL = """
import json, sys
import torch
from glstylenet import Settings
from glstylenet.machine import choose_device, keep_freed_memory, peak_memory
from glstylenet.run.inputs import prepare_inputs, read_sources
from glstylenet.run.memory_budget import plan_proposals
keep_freed_memory()
content, style, maps, classes = *sys.argv[1:4], int(sys.argv[4]) or None
settings = Settings(maps=maps, classes=classes, device="cpu", precision="float32")
sources = read_sources(content, style, content_map=None, style_map=None, settings=settings)
planned = plan_proposals(sources, settings, choose_device("cpu", "float32"), 2**60)
prepare_inputs(sources, settings)
print(json.dumps([peak_memory(torch.device("cpu")), planned]))
"""

PROPOSALS = ((300, 0), (1200, 0), (2000, 0), (2000, 16), (3000, 0), (300, 63))
"""Widths of the pictures that maps are proposed for, and the most classes; 0 for the default."""


def measure(side: int, precision: str, device: str) -> tuple[int, int]:
    """Return the peak bytes of a run of ``side`` x ``side`` pixels, and the planned bytes.

    The peak is that of the process, or on a GPU that of PyTorch.
    """
    command = [sys.executable, "-c", _RUN, str(side), precision, device]
    peak, planned = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return int(peak), int(planned)


def measure_proposal(width: int, maps: str, classes: int) -> tuple[int, int]:
    """Return the peak bytes of proposing ``maps`` for two pictures ``width`` pixels wide, and the planned.

    ``classes``: the most there may be, 0 for the default.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as samples:
        files = [Path(folder, name) for name in ("content.png", "style.png")]
        for file in files:
            picture = Image.open(sample_file(file.name, samples)).convert("RGB")
            picture.resize((width, width * 4 // 3)).save(file)
        command = [sys.executable, "-c", _PROPOSAL, *map(str, files), maps, str(classes)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak, planned = json.loads(answer)
    return int(peak), int(planned)


def print_proposals() -> None:
    """Measure what proposing maps takes, and print."""
    for maps in ("auto", "portrait"):
        for width, classes in PROPOSALS:
            peak, planned = measure_proposal(width, maps, classes)
            of = f"{maps:9} {width:5} wide, at most {classes or 6} classes"
            print(f"{of}: {peak / 2**20:.0f} MiB, {planned / 2**20:.0f} MiB planned", flush=True)  # noqa: T201


def main() -> None:
    """Measure, fit and print."""
    if sys.argv[1:] == ["proposals"]:
        print_proposals()
        return
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
