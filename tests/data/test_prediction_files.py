"""Predictions and targets from files: formats give the same arrays, rows are joined by id, bad input is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from outlearn.core.predictions import Predictions
from outlearn.data.prediction_files import read_predictions
from outlearn.data.target_files import read_target_file, read_teacher_of
from outlearn.errors import AlignmentError, ConfigError, DataError, DomainError, OutlearnError, ShapeError

FLOAT64 = 1e-12  # log-probabilities of the same numbers, by two routes
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 4, 3))
EXPECTED = Predictions.from_logits(LOGITS).log_probs
PROBS = Predictions.from_logits(LOGITS).probs


def write_csv(path: Path, rows: np.ndarray, names: str, ids: list[str] | None = None) -> Path:
    lines = [names if ids is None else f"id,{names}"]
    for k, row in enumerate(rows):
        cells = [repr(float(value)) for value in row]
        lines.append(",".join(cells if ids is None else [ids[k], *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


WRITERS: dict[str, Callable[[Path], str]] = {
    "t.npy": lambda path: np.save(path, LOGITS) or str(path),
    "fortran.npy": lambda path: np.save(path, np.asfortranarray(LOGITS)) or str(path),
    "one.npz": lambda path: np.savez(path, anything=LOGITS) or str(path),
    "two.npz": lambda path: np.savez(path, t=LOGITS, s=LOGITS + 1) or f"{path}:t",
    "one.safetensors": lambda path: save_file({"z": LOGITS}, path) or str(path),
    "two.safetensors": lambda path: save_file({"test.z": LOGITS, "other": LOGITS[0]}, path) or f"{path}:test.z",
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_array_format_gives_the_same_predictions(tmp_path, name):
    found = read_predictions(WRITERS[name](tmp_path / name))
    np.testing.assert_allclose(found.predictions.log_probs, EXPECTED, atol=FLOAT64)
    assert not found.has_ids


def test_several_csv_files_are_several_models_joined_by_id_and_by_class_name(tmp_path):
    first = write_csv(tmp_path / "a.csv", LOGITS[0], "x,y,z", ["p", "q", "r", "s"])
    shuffled, classes = [2, 0, 3, 1], [1, 2, 0]
    second = write_csv(tmp_path / "b.csv", LOGITS[1][shuffled][:, classes], "y,z,x", ["r", "p", "s", "q"])
    found = read_predictions([first, second])
    np.testing.assert_allclose(found.predictions.log_probs, EXPECTED, atol=FLOAT64)
    assert found.class_names == ("x", "y", "z")
    assert found.predictions.point_ids.tolist() == ["p", "q", "r", "s"]


def test_answers_of_outlearn_predict_are_probabilities_by_class(tmp_path):
    (tmp_path / "a.csv").write_text("id,label,p_no,p_yes,flag\nx,yes,0.25,0.75,\ny,no,0.9,0.1,unlike\n")
    (tmp_path / "b.csv").write_text("id,yes,no\ny,0.2,0.8\nx,0.6,0.4\n")
    found = read_predictions([tmp_path / "a.csv", tmp_path / "b.csv"], kind="probs")
    assert found.class_names == ("no", "yes")
    np.testing.assert_allclose(found.predictions.probs[:, :, 1], [[0.75, 0.1], [0.6, 0.2]])
    (tmp_path / "c.csv").write_text("id,p_value,p_rank,other\nx,0.2,0.3,0.5\n")
    assert read_predictions(tmp_path / "c.csv", kind="probs").class_names == ("p_value", "p_rank", "other")


def test_a_student_is_brought_into_the_order_of_its_teacher(tmp_path):
    teacher = read_predictions(write_csv(tmp_path / "t.csv", LOGITS[0], "x,y,z", ["1", "2", "3", "4"]))
    np.savez(tmp_path / "s.npz", logits=LOGITS[:, ::-1], ids=np.array([4, 3, 2, 1]))
    student = read_predictions(tmp_path / "s.npz", role="student", like=teacher)
    np.testing.assert_allclose(student.predictions.log_probs, EXPECTED, atol=FLOAT64)
    assert student.notes == ()


def test_joining_by_position_is_said_where_only_one_side_has_ids(tmp_path):
    teacher = read_predictions(write_csv(tmp_path / "t.csv", LOGITS[0], "x,y,z", ["1", "2", "3", "4"]))
    np.save(tmp_path / "s.npy", LOGITS)
    student = read_predictions(tmp_path / "s.npy", role="student", like=teacher)
    assert "by position" in student.notes[0]
    assert student.predictions.point_ids.tolist() == teacher.predictions.point_ids.tolist()


@pytest.mark.parametrize("kind", ["log_probs", "probs"])
def test_each_kind_gives_the_same_predictions(tmp_path, kind):
    np.save(tmp_path / "p.npy", EXPECTED if kind == "log_probs" else PROBS)
    found = read_predictions(tmp_path / "p.npy", kind=kind)
    np.testing.assert_allclose(found.predictions.log_probs, EXPECTED, atol=FLOAT64)
    assert found.notes == ()


def test_rows_of_any_sum_are_divided_by_it_where_the_user_says_so_and_the_error_says_how(tmp_path):
    lossy = PROBS * np.linspace(0.9, 1.1, PROBS.shape[-2])[:, None]
    np.save(tmp_path / "p.npy", lossy)
    with pytest.raises(DomainError, match=r"not 1\. Pass --kind unnormalised_probs, which divides each row"):
        read_predictions(tmp_path / "p.npy", kind="probs")
    found = read_predictions(tmp_path / "p.npy", kind="unnormalised_probs")
    np.testing.assert_allclose(
        found.predictions.log_probs, np.broadcast_to(EXPECTED, found.predictions.log_probs.shape)
    )
    assert found.notes == (f"{tmp_path / 'p.npy'}: each row was divided by its sum.",)
    for wrong in (np.array([[0.0, 0.0], [1, 1]]), np.array([[-1.0, 2.0], [1, 1]]), np.array([[np.nan, 2.0], [1, 1]])):
        np.save(tmp_path / "p.npy", wrong)
        with pytest.raises(DomainError, match=r"point 0 has .*do not sum to 0"):
            read_predictions(tmp_path / "p.npy", kind="unnormalised_probs")


@pytest.mark.parametrize("kind", ["log_probs", "probs"])
def test_rounded_probabilities_are_rescaled_and_a_note_says_so(tmp_path, kind):
    rounded = PROBS.astype(np.float16).astype(np.float32)
    np.save(tmp_path / "p.npy", np.log(rounded) if kind == "log_probs" else rounded)
    found = read_predictions(tmp_path / "p.npy", kind=kind)
    np.testing.assert_allclose(found.predictions.probs, PROBS, atol=2e-3)  # float16 keeps three digits
    assert "scaled to sum to 1" in found.notes[0]


@pytest.mark.parametrize("values", [PROBS, np.eye(3)[[0, 1, 2, 0]], 100 * PROBS], ids=["probs", "one-hot", "percent"])
def test_probabilities_given_as_logits_are_refused(tmp_path, values):
    np.save(tmp_path / "p.npy", values)
    with pytest.raises(DomainError, match="--kind probs"):
        read_predictions(tmp_path / "p.npy")


@pytest.mark.parametrize("values", [LOGITS, PROBS + 1000, PROBS * 0.9, np.log(PROBS)])
def test_what_is_not_a_table_of_probabilities_is_taken_as_logits(tmp_path, values):
    np.save(tmp_path / "p.npy", values)
    expected = Predictions.from_logits(values).log_probs
    np.testing.assert_allclose(read_predictions(tmp_path / "p.npy").predictions.log_probs, expected, atol=FLOAT64)


def with_value(value: float, values: np.ndarray = LOGITS) -> np.ndarray:
    values = values.copy()
    values[1, 2, 0] = value
    return values


BAD_ARRAYS = {
    "nan": (with_value(np.nan), "logits", DomainError, r"\[1, 2, 0\]"),
    "inf": (with_value(np.inf), "logits", DomainError, r"\[1, 2, 0\]"),
    "all nan": (np.full((2, 4, 3), np.nan), "logits", DomainError, "nan"),
    "one axis": (LOGITS[0, :, 0], "logits", ShapeError, "shape"),
    "four axes": (LOGITS[None], "logits", ShapeError, "shape"),
    "one class": (LOGITS[..., :1], "logits", ShapeError, "two classes"),
    "no point": (LOGITS[:, :0], "logits", ShapeError, "shape"),
    "text": (np.array([["a", "b"]]), "logits", DomainError, "dtype"),
    "complex": (LOGITS + 0j, "logits", DomainError, "dtype"),
    "negative": (np.array([[1.5, -0.5], [0.5, 0.5]]), "probs", DomainError, "at least 0"),
    "not a sum": (PROBS * 0.9, "probs", DomainError, "sum to 0.9"),
    "logits as probs": (LOGITS, "probs", DomainError, "--kind logits"),
    "logits as log": (LOGITS + 1, "log_probs", DomainError, "--kind logits"),
    "nan as probs": (with_value(np.nan, PROBS), "probs", DomainError, "finite"),
    "kind": (LOGITS, "scores", ConfigError, "log_probs"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_an_array_that_is_no_prediction_is_refused(tmp_path, case):
    values, kind, error, message = BAD_ARRAYS[case]
    np.save(tmp_path / "bad.npy", values)
    with pytest.raises(error, match=message):
        read_predictions(tmp_path / "bad.npy", kind=kind)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


def truncated(path: Path) -> None:
    np.save(path, LOGITS)
    path.write_bytes(path.read_bytes()[:-8])


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent.npy": (lambda path: None, "does not exist"),
    "empty.npy": (lambda path: path.write_bytes(b""), "empty"),
    "noise.npy": (lambda path: path.write_bytes(b"noise" * 20), "not a .npy file"),
    "dump.npy": (lambda path: path.write_bytes(pickle.dumps([1])), "pickle is never loaded"),
    "pickled.npy": (pickled, "never loaded"),
    "cut.npy": (truncated, "cut off"),
    "folder.npy": (lambda path: path.mkdir(), "folder"),
    "noise.npz": (lambda path: path.write_bytes(b"noise" * 20), "npz"),
    "objects.npz": (lambda path: np.savez(path, z=np.array([None], dtype=object)), "never loaded"),
    "several.npz": (lambda path: np.savez(path, t=LOGITS, s=LOGITS), "several.npz:t"),
    "noise.safetensors": (lambda path: path.write_bytes(b"noise" * 20), "safetensors"),
    "t.txt": (lambda path: path.write_text("1 2"), ".npy"),
    "t.pkl": (lambda path: path.write_bytes(pickle.dumps([1])), ".npy"),
    "headless.csv": (lambda path: path.write_text("0.5,0.5\n0.1,0.9\n"), "header"),
    "word.csv": (lambda path: path.write_text("x,y\n1,2\n3,four\n"), "line 3, column 'y'"),
    "gap.csv": (lambda path: path.write_text("x,y\n1,2\n3,\n"), "line 3, column 'y'"),
    "ragged.csv": (lambda path: path.write_text("x,y\n1,2\n3\n"), "line 3"),
    "nan.csv": (lambda path: path.write_text("x,y\n1,2\n3,nan\n"), "line 3, column 'y'"),
    "twice.csv": (lambda path: path.write_text("id,x,y\na,1,2\na,3,4\n"), "'a' comes 2 times"),
    "ids.csv": (lambda path: path.write_text("id\na\nb\n"), "no column beside"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_one_clear_error(tmp_path, name):
    write, message = BAD_FILES[name]
    write(tmp_path / name)
    with pytest.raises(OutlearnError, match=message):
        read_predictions(tmp_path / name)


def test_an_unknown_array_of_an_archive_is_refused_with_a_suggestion(tmp_path):
    np.savez(tmp_path / "a.npz", teacher=LOGITS)
    with pytest.raises(DataError, match='Did you mean "teacher"'):
        read_predictions(f"{tmp_path / 'a.npz'}:teachers")


def test_files_of_other_points_ids_or_classes_are_refused(tmp_path):
    first = write_csv(tmp_path / "a.csv", LOGITS[0], "x,y,z", ["p", "q", "r", "s"])
    others = {
        "ids do not match": write_csv(tmp_path / "b.csv", LOGITS[1], "x,y,z", ["p", "q", "r", "t"]),
        "expected x, y, z": write_csv(tmp_path / "c.csv", LOGITS[1], "x,y,w", ["p", "q", "r", "s"]),
        "has no ids": write_csv(tmp_path / "d.csv", LOGITS[1], "x,y,z"),
        "3 points": write_csv(tmp_path / "e.csv", LOGITS[1][:3], "x,y,z", ["p", "q", "r"]),
    }
    for message, other in others.items():
        with pytest.raises(AlignmentError, match=message):
            read_predictions([first, other])


def test_a_student_of_other_points_is_refused(tmp_path):
    np.save(tmp_path / "t.npy", LOGITS)
    np.save(tmp_path / "s.npy", LOGITS[:, :3])
    teacher = read_predictions(tmp_path / "t.npy")
    with pytest.raises(AlignmentError, match="3 points"):
        read_predictions(tmp_path / "s.npy", role="student", like=teacher)


@pytest.fixture
def teacher(tmp_path):
    return read_predictions(write_csv(tmp_path / "t.csv", LOGITS[0], "no,maybe,yes", ["p", "q", "r", "s"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,label\ns,yes\nr,no\nq,maybe\np,no\n", [0, 1, 0, 2]),
        ("id,label\ns,2\nr,0\nq,1\np,0\n", [0, 1, 0, 2]),
        ("label\nno\nmaybe\nno\nyes\n", [0, 1, 0, 2]),
    ],
)
def test_labels_are_read_by_class_name_or_number_and_joined_by_id(tmp_path, teacher, text, expected):
    (tmp_path / "y.csv").write_text(text)
    assert read_target_file(tmp_path / "y.csv", teacher).values.tolist() == expected


def test_numeric_class_names_are_names_and_not_positions(tmp_path):
    teacher = read_predictions(write_csv(tmp_path / "t.csv", LOGITS[0], "1,2,3"))
    (tmp_path / "y.csv").write_text("label\n1\n2\n1\n3\n")
    assert read_target_file(tmp_path / "y.csv", teacher).values.tolist() == [0, 1, 0, 2]


def test_a_soft_target_is_brought_into_class_order(tmp_path, teacher):
    (tmp_path / "y.csv").write_text("id,yes,no,maybe\np,1,0,0\nq,0,1,0\nr,0,0,1\ns,0.5,0.5,0\n")
    values = read_target_file(tmp_path / "y.csv", teacher).values
    np.testing.assert_array_equal(values, [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]])


BAD_TARGETS = {
    "unknown class": ("id,label\np,no\nq,perhaps\nr,no\ns,yes\n", "'perhaps' is no class"),
    "other ids": ("id,label\np,no\nq,no\nr,no\nx,yes\n", "ids do not match"),
    "fraction": ("id,label\np,0.5\nq,0.1\nr,1\ns,1\n", "no class"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_a_target_that_does_not_fit_is_refused(tmp_path, teacher, case):
    text, message = BAD_TARGETS[case]
    (tmp_path / "y.csv").write_text(text)
    with pytest.raises(OutlearnError, match=message):
        read_target_file(tmp_path / "y.csv", teacher)


def test_two_dimensional_integers_need_draws_said(tmp_path, teacher):
    np.save(tmp_path / "y.npy", np.zeros((5, 4), dtype=int))
    with pytest.raises(ShapeError, match="--draws"):
        read_target_file(tmp_path / "y.npy", teacher)
    assert read_target_file(tmp_path / "y.npy", teacher, draws=True).values.shape == (5, 4)


def test_ids_of_a_target_with_draws_order_its_points(tmp_path, teacher):
    np.savez(tmp_path / "y.npz", y=np.array([[0, 1, 2, 0], [1, 1, 1, 1]]), ids=np.array(["s", "r", "q", "p"]))
    found = read_target_file(tmp_path / "y.npz", teacher, draws=True)
    assert found.values.tolist() == [[0, 2, 1, 0], [1, 1, 1, 1]]


def test_float_labels_are_refused(tmp_path, teacher):
    np.save(tmp_path / "y.npy", np.array([0.0, 1.0, 0.0, 2.0]))
    with pytest.raises(DomainError, match="integers"):
        read_target_file(tmp_path / "y.npy", teacher)


def test_teacher_of_is_whole_numbers_one_a_student(tmp_path):
    np.save(tmp_path / "i.npy", np.array([1, 0, 1]))
    (tmp_path / "i.csv").write_text("teacher\n1\n0\n1\n")
    for name in ("i.npy", "i.csv"):
        assert read_teacher_of(tmp_path / name).tolist() == [1, 0, 1]
    np.save(tmp_path / "f.npy", np.array([0.0, 1.0]))
    np.save(tmp_path / "m.npy", np.zeros((2, 2), dtype=int))
    for name, error in (("f.npy", DomainError), ("m.npy", ShapeError)):
        with pytest.raises(error, match="teacher_of"):
            read_teacher_of(tmp_path / name)
