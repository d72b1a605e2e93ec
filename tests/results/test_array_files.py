"""Arrays written block by block are the file that safetensors writes."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from outlearn.errors import ShapeError
from outlearn.results.array_files import Blocks, array_file

LOGS = np.random.default_rng(0).normal(size=(5, 3, 2))


def arrays(logs: "np.ndarray | Blocks") -> dict[str, "np.ndarray | Blocks"]:
    return {"answered": np.ones((5, 3), np.uint8), "of": np.arange(5), "b": logs, "a": LOGS[:0]}


def test_the_file_is_that_of_safetensors():
    written = b"".join(array_file(arrays(LOGS), {"models": ["a", "b"]}))
    assert written == save(arrays(LOGS), {"models": json.dumps(["a", "b"])})


def test_blocks_give_the_bytes_of_the_whole():
    blocks = Blocks(LOGS.shape, iter([LOGS[:2], LOGS[2:]]))
    written = b"".join(array_file(arrays(blocks), {}))
    assert written == b"".join(array_file(arrays(LOGS), {}))
    np.testing.assert_array_equal(load(written)["b"], LOGS)


def test_metadata_are_ordered():
    assert b"".join(array_file({}, {"x": [], "y": []})) == b"".join(array_file({}, {"y": [], "x": []}))


@pytest.mark.parametrize("blocks", [[LOGS[:2]], [LOGS, LOGS[:1]], [LOGS[:, :2]], [LOGS.astype(np.float32)]])
def test_blocks_of_another_shape_are_refused(blocks):
    with pytest.raises(ShapeError, match="expected"):
        b"".join(array_file({"b": Blocks(LOGS.shape, blocks)}, {}))
