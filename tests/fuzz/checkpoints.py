"""Checkpoints, read and written by hand: the format as it is documented, a checksum for any content."""

import hashlib
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tensors", "pack", "unpack"]

Tensors = dict[str, NDArray[Any]]

_KINDS = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I32": np.int32}
_NAMES = {np.dtype(kind).name: name for name, kind in _KINDS.items()}


def unpack(data: bytes) -> tuple[dict[str, Any], Tensors]:
    """Return the facts and the tensors of a whole checkpoint."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    facts = json.loads(header.pop("__metadata__")["state"])
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(data[start:end], _KINDS[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).copy()
    return facts, tensors


def pack(facts: dict[str, Any] | str, tensors: Tensors) -> bytes:
    """Return a checkpoint of these facts and tensors, whatever they are, with a valid checksum."""
    text = facts if isinstance(facts, str) else json.dumps(facts)
    digest = hashlib.sha256(text.encode(errors="surrogatepass"))
    header: dict[str, Any] = {}
    offset = 0
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.tobytes())
        end = offset + tensor.nbytes
        kind = _NAMES[tensor.dtype.name]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    header["__metadata__"] = {"state": text, "sha256": digest.hexdigest()}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    body = b"".join(tensor.tobytes() for _, tensor in sorted(tensors.items()))
    return struct.pack("<Q", len(head)) + head + body
