"""Write arrays as safetensors, block by block: none need be in memory whole, and equal arrays give equal bytes.

The file is the length of a header in 8 bytes (little-endian), the header in JSON with each array's type, shape and
place, and the arrays' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outlearn.errors import ShapeError

__all__ = ["Blocks", "array_file"]

# In the order in which safetensors lays them out, wide ones first: so that every number is aligned.
TYPES = {"int64": "I64", "float64": "F64", "float32": "F32", "uint8": "U8"}


@dataclass(frozen=True, eq=False)
class Blocks:
    """Hold an array of float64 as blocks that are made one at a time, and once.

    Attributes:
        shape: of the whole.
        blocks: its parts, in order along the first axis.
    """

    shape: tuple[int, ...]
    blocks: Iterable[np.ndarray]


def array_file(arrays: Mapping[str, np.ndarray | Blocks], metadata: Mapping[str, Sequence[str]]) -> Iterator[bytes]:
    """Yield the content of a safetensors file; lists of names are metadata, in JSON.

    Raises:
        ShapeError: if blocks are not of the shape that was said; half a file has been yielded by then.
    """
    whole = {name: a if isinstance(a, Blocks) else Blocks(a.shape, (a,)) for name, a in arrays.items()}
    dtypes = {name: np.dtype(np.float64) if isinstance(a, Blocks) else a.dtype for name, a in arrays.items()}
    header: dict[str, object] = {
        "__metadata__": {name: json.dumps(list(values)) for name, values in sorted(metadata.items())}
    }
    order = sorted(whole, key=lambda name: (list(TYPES).index(dtypes[name].name), name))
    start = 0
    for name in order:
        stop = start + int(np.prod(whole[name].shape)) * dtypes[name].itemsize
        header[name] = {"dtype": TYPES[dtypes[name].name], "shape": whole[name].shape, "data_offsets": (start, stop)}
        start = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        rows, shape = 0, whole[name].shape
        for block in whole[name].blocks:
            if block.dtype != dtypes[name] or block.shape[1:] != shape[1:]:
                raise ShapeError(f"a block of {name} is {block.dtype} {block.shape}; expected {dtypes[name]} {shape}.")
            rows += len(block)
            yield np.ascontiguousarray(block).tobytes()
        if rows != shape[0]:
            raise ShapeError(f"the blocks of {name} have {rows} rows; expected {shape[0]}.")
