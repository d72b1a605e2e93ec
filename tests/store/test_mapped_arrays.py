"""Mapped arrays are what the safetensors library reads, and damage is an error, not a crash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load_file, save_file

from outlearn.store.mapped_arrays import map_arrays

dtypes = st.sampled_from(["?", "u1", "i2", "i4", "i8", "f2", "f4", "f8"])


@settings(max_examples=40)
@given(st.dictionaries(st.text("abc.", min_size=1), arrays(dtypes, array_shapes(min_dims=0, min_side=0)), max_size=4))
def test_mapped_arrays_equal_loaded_ones(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("m") / "x.safetensors"
    save_file(content, path, metadata={"any": "thing"})
    mapped, loaded = map_arrays(path), load_file(path)
    assert mapped.keys() == loaded.keys()
    for name, array in loaded.items():
        assert mapped[name].dtype == array.dtype
        np.testing.assert_array_equal(mapped[name], array)


def test_mapped_arrays_are_views_of_the_file_and_read_only(tmp_path):
    save_file({"a": np.arange(6.0)}, tmp_path / "x")
    mapped = map_arrays(tmp_path / "x")["a"]
    assert not mapped.flags.writeable
    assert isinstance(mapped.base, np.memmap)


@pytest.mark.parametrize("keep", [0, 7, 8, 60])
def test_a_truncated_file_is_an_error(tmp_path, keep):
    path = tmp_path / "x"
    save_file({"a": np.arange(100.0)}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"header|JSON|Expecting|Unterminated|delimiter"):
        map_arrays(path)


def test_an_array_that_lies_outside_the_file_is_an_error(tmp_path):
    path = tmp_path / "x"
    save_file({"a": np.arange(100.0)}, path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match="outside the file"):
        map_arrays(path)
