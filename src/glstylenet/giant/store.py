"""Store: a folder that holds all of a giant run, so that any process may take it up again.

::

    manifest.json             what the run is, and which of its steps are done
    content.npy, style.npy    the pictures (3, H, W), at the size they are painted from; maps beside them
    coarse/                   the checkpoint of the coarse part
    size-2/pixels-1-17.npy    area 17 of the picture at its second size, as the first step left it

A step never changes what another wrote: it writes files of its own, each replaced whole or not at all
(:mod:`glstylenet.files`). So after any death a step is repeated from the same bytes, but for the areas
whose files are there. Files are NumPy's and safetensors': both are read in parts through the page cache, by
any process on any machine that sees the folder.
"""

import math
import mmap
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
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
from glstylenet.pictures import resized_window

__all__ = ["MappedArray", "Store"]

_BLOCK = 256
"""Pixels a side that are resized at a time."""

_AT_ONCE = 2**20
"""Numbers that are converted at a time."""


class MappedArray:
    """`MappedArray` reads numbers from a file as they are looked at.

    ``tensor`` has its shape and type; what is written to it changes the process's memory, not the file.
    ``dtype``: the numbers' type, which may be one that NumPy lacks.
    """

    def __init__(self, path: Path, dtype: torch.dtype) -> None:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, stored = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        values = np.frombuffer(self._mapped, stored, math.prod(shape), start).reshape(shape)
        self.tensor = torch.from_numpy(values).view(dtype)

    def release(self) -> None:
        """Give the memory of what was read back; it is read again when it is looked at again."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which takes it back when memory is short
            self._mapped.madvise(mmap.MADV_DONTNEED)


class Store:
    """`Store` keeps the files of a run in ``folder``; its names are paths below it, without a suffix."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_pixels(self, name: str, pixels: Tensor) -> None:
        """Write ``pixels`` (1, C, H, W) of any type."""
        with self._replacing(f"{name}.npy") as file:
            np.save(file, pixels[0].cpu().contiguous().numpy(), allow_pickle=False)

    def write_picture(self, name: str, size: tuple[int, int], parts: Iterable[tuple[Rect, Tensor]]) -> None:
        """Write a picture of ``size`` (height, width) that comes in ``parts``: rectangles and their pixels.

        It is stored in bytes as long as these are the same numbers, else as float32.
        """
        dtype: np.dtype[Any] = np.dtype(np.uint8)
        with self._replacing(f"{name}.npy") as file:
            start = _begin_array(file, (3, *size), dtype)
            for window, pixels in parts:
                values = pixels[0].numpy()
                if dtype == np.uint8 and not np.array_equal(values, values.astype(np.uint8)):
                    _widen(file, start, 3 * size[0] * size[1])
                    dtype = np.dtype(np.float32)
                    _begin_array(file, (3, *size), dtype)
                # Mapped anew for every part: what stays mapped counts as the process's memory.
                stored = np.memmap(file, dtype, "r+", start, (3, *size))
                stored[:, *window.slices] = values

    def read_resized(self, name: str, size: tuple[int, int]) -> Tensor:
        """Return pixels (1, C, h, w) resized to ``size``, in the memory of these."""
        own, blocks = self.size_of(name), []
        for top in range(0, size[0], _BLOCK):
            rows = Rect(top, 0, min(top + _BLOCK, size[0]), size[1])
            columns = (
                Rect(rows.top, left, rows.bottom, min(left + _BLOCK, size[1]))
                for left in range(0, size[1], _BLOCK)
            )
            read = partial(self.read_pixels, name)
            blocks.append(torch.cat([resized_window(read, own, size, each) for each in columns], dim=3))
        return torch.cat(blocks, dim=2)

    def read_pixels(self, name: str, window: Rect | None = None) -> Tensor:
        """Return pixels (1, C, h, w) in ``window``, by default all, as float32 on the CPU."""
        values = self._mapped(name)
        part = values if window is None else values[:, *window.slices]
        return torch.from_numpy(np.array(part, dtype=np.float32))[None]

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

    def write_array(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        parts: Iterable[tuple[tuple[slice, ...], Tensor]],
    ) -> None:
        """Write an array that comes in ``parts``: where they are, and their numbers."""
        with self._replacing(f"{name}.npy") as file:
            stored_type = _as_numpy(torch.empty(0, dtype=dtype)).dtype
            start = _begin_array(file, shape, stored_type)
            for place, numbers in parts:
                stored = np.memmap(file, stored_type, "r+", start, shape)
                stored[place] = _as_numpy(numbers)

    def map_array(self, name: str, dtype: torch.dtype) -> MappedArray:
        """Return an array of numbers of the type ``dtype`` that is read as it is looked at."""
        return MappedArray(self.folder / f"{name}.npy", dtype)

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


def _as_numpy(numbers: Tensor) -> npt.NDArray[Any]:
    """Return numbers as NumPy holds them: the bits of bfloat16, which it lacks, as whole numbers."""
    values: npt.NDArray[Any] = (
        numbers.view(torch.int16) if numbers.dtype == torch.bfloat16 else numbers
    ).numpy()
    return values


def _begin_array(file: IO[bytes], shape: tuple[int, ...], dtype: "np.dtype[Any]") -> int:
    """Write the header of an array, and make the file long enough; return where its numbers begin."""
    file.seek(0)
    description = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    start = file.tell()
    file.truncate(start + math.prod(shape) * dtype.itemsize)
    return start


def _widen(file: IO[bytes], start: int, count: int) -> None:
    """Replace ``count`` bytes from ``start`` on by the same numbers as float32, the last ones first."""
    for begin in reversed(range(0, count, _AT_ONCE)):
        file.seek(start + begin)
        values = np.frombuffer(file.read(min(_AT_ONCE, count - begin)), np.uint8)
        file.seek(start + 4 * begin)
        file.write(values.astype(np.float32).tobytes())
    file.flush()
