"""Store: a folder that holds all of a giant run, so that any process may take it up again.

::

    manifest.json             what the run is, and which of its steps are done
    content.npy, style.npy    the pictures (3, H, W), bytes where these lose nothing; maps beside them
    coarse/                   the checkpoint of the coarse part
    size-2/pixels-1-17.npy    area 17 of the picture at its second size, as the first step left it

A step never changes what another wrote: it writes files of its own, each replaced whole or not at all
(:mod:`glstylenet.files`). So after any death a step is repeated from the same bytes, but for the areas
whose files are there. Files are NumPy's and safetensors': both are read in parts through the page cache, by
any process on any machine that sees the folder.
"""

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from glstylenet.files import replacing
from glstylenet.numerics import Rect

__all__ = ["Store"]


class Store:
    """`Store` keeps the files of a run in ``folder``; its names are paths below it, without a suffix."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_pixels(self, name: str, pixels: Tensor) -> None:
        """Write ``pixels`` (1, C, H, W) of any type."""
        with self._replacing(f"{name}.npy") as file:
            np.save(file, pixels[0].cpu().contiguous().numpy(), allow_pickle=False)

    def read_pixels(self, name: str, window: Rect | None = None) -> Tensor:
        """Return pixels (1, C, h, w) in ``window``, by default all, as float32 on the CPU."""
        values = self._mapped(name)
        part = values if window is None else values[:, *window.slices]
        return torch.from_numpy(np.array(part, dtype=np.float32))[None]

    def read_index(self, name: str) -> Tensor:
        """Return whole numbers (H, W) that were written as pixels of one channel: int64."""
        return torch.from_numpy(np.array(self._mapped(name)[0], dtype=np.int64))

    def size_of(self, name: str) -> tuple[int, int]:
        """Return the (height, width) of pixels."""
        height, width = self._mapped(name).shape[-2:]
        return height, width

    def write_tensors(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Write ``tensors`` by name."""
        with self._replacing(f"{name}.safetensors") as file:
            file.write(safetensors.torch.save({key: each.contiguous() for key, each in tensors.items()}))

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Return tensors by name."""
        return safetensors.torch.load_file(self.folder / f"{name}.safetensors")

    def read_tensor(self, name: str, key: str) -> Tensor:
        """Return one of several tensors."""
        with safetensors.safe_open(self.folder / f"{name}.safetensors", framework="pt") as file:
            tensor: Tensor = file.get_tensor(key)
        return tensor

    def has(self, name: str) -> bool:
        """Return whether pixels or tensors of this name are there."""
        return any((self.folder / f"{name}.{suffix}").exists() for suffix in ("npy", "safetensors"))

    def remove(self, pattern: str) -> None:
        """Remove what the glob ``pattern`` names."""
        for path in self.folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _mapped(self, name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return values

    def _replacing(self, name: str) -> AbstractContextManager[IO[bytes]]:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return replacing(path, overwrite=True)
