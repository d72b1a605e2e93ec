"""Map stored arrays, so that only the pages that are used take memory.

A safetensors file is the length of a header in 8 bytes (little-endian), the header in JSON with each array's type,
shape and place, and the arrays' bytes. Pages of a mapped file are shared by all processes of a machine that map it, and
the system takes them back when memory is short.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

__all__ = ["map_arrays"]

# The types of safetensors that NumPy has, by NumPy's names.
TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a safetensors file, read-only.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no safetensors file, or holds a type that NumPy lacks.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError(f"the header of {path.name} would take {length} of {size} bytes")
        header = json.loads(file.read(length))
    start = 8 + length
    whole = np.memmap(path, dtype=np.uint8, mode="r") if size > start else np.empty(0, dtype=np.uint8)
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in TYPES:
            raise ValueError(f"{name} in {path.name} has the type {entry['dtype']}, which NumPy lacks")
        first, last = entry["data_offsets"]
        dtype = np.dtype(TYPES[entry["dtype"]])
        if not 0 <= first <= last <= size - start or last - first != dtype.itemsize * int(np.prod(entry["shape"])):
            raise ValueError(f"{name} in {path.name} lies outside the file")
        arrays[name] = whole[start + first : start + last].view(dtype).reshape(entry["shape"])
    return arrays
