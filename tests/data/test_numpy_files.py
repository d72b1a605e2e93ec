"""NumPy's files with any header and any bytes are read or refused in one line, wherever they are taken."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlearn.data.array_files import read_array
from outlearn.errors import DataError
from outlearn.student.number_files import number_chunks

HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 9",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 100000000), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9,), }",
    "{'descr': 'V', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [], 'fortran_order': False, 'shape': (), }",
    "(" * 90,
    "[" * 5000,
    "\0",
    "7",
    "'",
)


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(24)


def taken_or_refused_in_a_line(path: Path) -> None:
    for read in (read_array, lambda each: list(number_chunks(each))):
        with contextlib.suppress(DataError):
            read(path)


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_claim_anything_are_refused(tmp_path, header):
    path = tmp_path / "rows.npy"
    path.write_bytes(npy(header.encode()))
    with pytest.raises(DataError, match=r"rows\.npy") as refused:
        list(number_chunks(path))
    assert "\n" not in str(refused.value)
    taken_or_refused_in_a_line(path)
    archive = tmp_path / "rows.npz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("features.npy", npy(header.encode()))
    with pytest.raises(DataError, match=r"rows\.npz"):
        list(number_chunks(archive))


@pytest.mark.usefixtures("shapes_unchecked")
@settings(max_examples=60, deadline=None)
@given(
    header=st.one_of(st.binary(max_size=40), st.text("{}()[],:'\"<>f8i4OV|0123456789 ", max_size=40).map(str.encode))
)
def test_any_header_is_read_or_refused_in_a_line(tmp_path_factory, header):
    path = tmp_path_factory.mktemp("npy") / "rows.npy"
    path.write_bytes(npy(header))
    taken_or_refused_in_a_line(path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"features": np.zeros(3)}, r"shape \(3,\) .* expected numbers"),
        ({"features": np.zeros((3, 2), "U1")}, "type <U1; expected numbers"),
        ({"features": np.zeros((3, 2)), "ids": np.zeros(2)}, "one for each row"),
        ({"features": np.zeros((3, 2)), "ids": np.array(7)}, "one for each row"),
        ({"other": np.zeros((3, 2))}, "no array 'features'"),
    ],
)
def test_rows_to_answer_of_another_shape_say_what_is_expected(tmp_path, arrays, said):
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(DataError, match=said):
        list(number_chunks(tmp_path / "rows.npz"))
