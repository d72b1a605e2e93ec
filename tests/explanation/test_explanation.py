"""`outlearn explain`: sentences follow the truth that the arrays were made with; bad input is one line and exit 2."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tests.programs import Cli

from outlearn.core.decomposition.risk_gap import risk_gap
from outlearn.core.predictions import Predictions
from outlearn.core.students.blind_spots import blind_spots
from outlearn.core.verdict import excludes_zero
from outlearn.errors import DataError
from outlearn.explanation import explain
from outlearn.explanation.explain_files import explain_files
from outlearn.results.explanation import EXPLANATIONS, load_explanation
from outlearn.results.measurement import Withheld

pytestmark = pytest.mark.medium

ROUNDING = 1e-10
Arrays = dict[str, np.ndarray]


def careless(n_teachers: int = 8, n_points: int = 400, n_classes: int = 2, seed: int = 0) -> Arrays:
    """Teachers that are right on average and noisy; students that keep a fifth of their own teacher's noise."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_points)
    signal = 2.0 * np.eye(n_classes)[truth]
    noise = 2.0 * rng.normal(size=(n_teachers, n_points, n_classes))
    return {"teacher": signal + noise, "student": signal + 0.2 * noise, "target": truth}


def wrong(seed: int = 0) -> Arrays:
    """Teachers that share one error on a third of the points; students that repeat it."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 400)
    signal = 3.0 * np.eye(2)[np.where(np.arange(400) % 3 == 0, 1 - truth, truth)]
    noise = 0.3 * rng.normal(size=(8, 400, 2))
    return {"teacher": signal + noise, "student": signal + 0.3 * rng.normal(size=(8, 400, 2)), "target": truth}


def explained(arrays: Arrays, **options):
    teacher, student = (Predictions.from_logits(arrays[name]) for name in ("teacher", "student"))
    return explain(arrays["target"], teacher=teacher, student=student, **options)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    for name, values in careless().items():
        np.save(tmp_path / f"{name}.npy", values)
    return tmp_path


@pytest.fixture
def cli(cli: Cli, saved: Path) -> Cli:
    """Return a function that runs `outlearn explain` in the folder of saved arrays: (exit code, stdout, stderr)."""

    def go(*arguments: str, **files: str) -> tuple[int, str, str]:
        named = {"teacher": "teacher.npy", "student": "student.npy", "target": "target.npy", **files}
        options = [part for name, value in named.items() for part in (f"--{name}", value)]
        return cli("explain", *options, *arguments)

    return go


def test_careless_teachers_are_named_and_their_students_removed_variance_only():
    found = explained(careless())
    text = str(found)
    assert "Most of the teachers' risk is variance" in text
    assert found.gain.variance_removed.low > 0
    assert not excludes_zero(found.gain.bias_removed)
    assert "cannot be told apart from theirs" in text


def test_wrong_teachers_are_named_and_their_students_kept_the_bias():
    found = explained(wrong())
    text = str(found)
    assert "Most of the teachers' risk is bias" in text
    assert abs(found.gain.bias_removed.mean) < 0.1 * found.decompositions[0].parts.bias.mean
    assert "Not only denoising" not in text


def test_blind_spots_are_those_of_the_core_in_text_and_value():
    arrays = wrong()
    found = explained(arrays)
    teacher, student = (Predictions.from_logits(arrays[name]) for name in ("teacher", "student"))
    expected = blind_spots(arrays["target"], teacher=teacher, student=student).summary()
    assert str(found.blind_spots) == str(expected)
    assert "\n".join(f"  {line}" for line in str(expected).splitlines()) in str(found)
    assert found.blind_spots.threshold == 0.75
    assert found.blind_spots.index.mean == expected.index.mean


@pytest.mark.parametrize("generator", ["negative_entropy", "squared_euclidean"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_gap_is_bias_removed_plus_variance_removed(generator, n_classes):
    found = explained(careless(n_classes=n_classes), generator=generator)
    gain = found.gain
    assert gain.bias_removed.mean + gain.variance_removed.mean == pytest.approx(found.summary.gap.mean, abs=ROUNDING)


def test_what_the_students_removed_is_the_difference_of_the_two_decompositions():
    found = explained(careless())
    by_name = {kind.name: kind.parts for kind in found.decompositions}
    for part in ("bias", "variance"):
        difference = getattr(by_name["teachers"], part).mean - getattr(by_name["students"], part).mean
        assert getattr(found.gain, f"{part}_removed").mean == pytest.approx(difference, abs=ROUNDING)


def test_both_orders_name_their_own_direction_and_mean():
    arrays = careless()
    soft = 0.9 * np.eye(2)[arrays["target"]] + 0.05
    first, second = (
        str(explained({**arrays, "target": soft}, order=order)) for order in ("target_first", "prediction_first")
    )
    assert "KL(student || teacher)" in first
    assert "dual (geometric)" in first
    assert "primal" not in first
    assert "KL(teacher || student)" in second
    assert "primal (arithmetic)" in second
    assert "dual (geometric)" not in second


def test_students_that_equal_their_teachers_gain_nothing():
    arrays = careless()
    found = explained({**arrays, "student": arrays["teacher"]})
    assert found.summary.gap.mean == pytest.approx(0, abs=ROUNDING)
    assert "cannot be told apart" in str(found).split("\n")[1]
    regression = {part.method: part for part in found.posterior}["regression"]
    assert "vacuous" in regression.terms.reason


@pytest.mark.parametrize(("n_teachers", "withheld"), [(1, ["pooled", "regression"]), (3, ["regression"])])
def test_what_few_teachers_do_not_identify_is_withheld_in_a_sentence(n_teachers, withheld):
    found = explained(careless(n_teachers))
    assert [part.method for part in found.posterior if isinstance(part.terms, Withheld)] == withheld
    assert str(found).count("not given") >= len(withheld)


def test_one_teacher_speaks_of_these_very_models_only():
    found = explained(careless(1))
    assert isinstance(found.gain, Withheld)
    assert isinstance(found.control, Withheld)
    assert "these very models only" in str(found)


def test_four_points_and_two_classes_are_enough_to_print():
    text = str(explained(careless(2, 4)))
    assert "Risk gap" in text


def test_the_best_teacher_is_judged_where_it_was_not_chosen():
    found = explained(careless(n_points=400))
    best = {row.name: row for row in found.control.table.rows}["best teacher"]
    assert best.accuracy.n_points == 200
    assert {row.accuracy.n_points for row in found.control.table.rows if row.name != "best teacher"} == {400}


def test_validation_points_choose_the_best_teacher():
    arrays = careless()
    good = np.where(np.arange(8)[:, None, None] == 5, 9.0, -9.0) * (2 * np.eye(2)[arrays["target"]] - 1)
    found = explained(arrays, validation=(Predictions.from_logits(good), arrays["target"]))
    assert found.control.table.best_teacher == 5
    assert "validation" in found.control.best_teacher


def test_out_writes_what_was_printed_and_every_number(cli, saved):
    code, out, err = cli("--out", "found")
    assert code == 0, err
    assert {path.name for path in (saved / "found").iterdir()} == {
        "results.json",
        "summary.txt",
        "ledger.csv",
        "report.html",
    }
    assert out.startswith((saved / "found" / "summary.txt").read_text().rstrip("\n"))
    results = json.loads((saved / "found" / "results.json").read_text())
    arrays = careless()
    teacher, student = (Predictions.from_logits(arrays[name]) for name in ("teacher", "student"))
    gap = risk_gap(arrays["target"], teacher=teacher, student=student)
    for term in ("gap", "misfit", "residual"):
        assert results["summary"][term]["mean"] == pytest.approx(getattr(gap, term).mean(), abs=ROUNDING)
    rows = list(csv.DictReader((saved / "found" / "ledger.csv").read_text().splitlines()))
    assert len(rows) == 400
    assert float(rows[7]["gap"]) == pytest.approx(gap.gap[:, 7].mean(), abs=ROUNDING)
    assert results["points"]["best"][0]["gap"] == pytest.approx(gap.gap.mean(axis=0).max(), abs=ROUNDING)
    assert results["slices"][0]["by"] == "teacher_confidence"
    assert len(results["slices"][0]["gap"]) == 10


@pytest.mark.parametrize("n_teachers", [1, 3, 8])
def test_an_explanation_that_is_read_back_prints_what_was_printed(cli, saved, n_teachers):
    """Also with one teacher, where much is nan or withheld, and ids and notes come from files."""
    arrays = careless(n_teachers)
    for name, values in arrays.items():
        np.save(saved / f"{name}.npy", values)
    cli("--out", "found", "--smooth-target", "0.02")
    read, found = load_explanation(saved / "found"), explained(arrays)
    printed = (saved / "found" / "summary.txt").read_text()
    assert printed == printed.split("In short")[0] + f"{read}\n"
    assert str(read.gain) == str(explained({**arrays, "target": 0.98 * np.eye(2)[arrays["target"]] + 0.01}).gain)
    assert {field.name for field in fields(read)} < {field.name for field in fields(found)}  # no arrays
    assert read.notes == ("0.02 of the uniform distribution was mixed into every target.",)


def test_a_notebook_shows_the_text_escaped():
    found = explained(careless(2, 40), notes=("an id is <script>",))
    assert found._repr_html_().startswith("<pre>In short\n")
    assert "&lt;script&gt;" in found._repr_html_()
    assert "<script>" not in found._repr_html_()


# Name: (what is done to results.json, what the message must say).
DAMAGED = {
    "missing": (lambda path: path.unlink(), "has no results.json"),
    "truncated": (lambda path: path.write_text(path.read_text()[:900]), "damaged at line"),
    "not text": (lambda path: path.write_bytes(b"\xff\xfe"), "cannot be read"),
    "a list": (lambda path: path.write_text("[]"), "holds no explanation"),
    "of a run": (lambda path: path.write_text('{"schema": 2, "students": {}}'), "it names no kind"),
    "of a preflight": (lambda path: edit(path, kind="preflight"), "its kind is 'preflight'"),
    "older": (lambda path: edit(path, schema=1), "has schema 1.*reads schema 2"),
    "a part less": (lambda path: edit(path, gap_of_these_models=None), "gap_of_these_models"),
    "a word for a number": (lambda path: edit(path, level="high"), "level: .*number"),
    "a term less": (lambda path: edit(path, summary={"gap": 1}), r"summary\.teacher_risk is missing"),
}


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_foreign_file_is_named_with_field_and_remedy(tmp_path, name):
    damage, message = DAMAGED[name]
    found = explained(careless(2, 20))
    EXPLANATIONS.write(tmp_path, found, inputs={}, text=str(found), table=[])
    assert str(load_explanation(tmp_path)) == str(found)
    damage(tmp_path / "results.json")
    with pytest.raises(DataError, match=message) as refused:
        load_explanation(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "outlearn explain ... --out DIR" in str(refused.value)
    EXPLANATIONS.write(tmp_path, found, inputs={}, text=str(found), table=[])  # the advice
    assert str(load_explanation(tmp_path)) == str(found)


def test_an_explanation_may_be_written_again_but_nothing_else_is_overwritten(cli, saved):
    assert cli("--out", "found")[0] == 0
    (saved / "found" / ".results.json.0123.outlearn-half").write_text('{"kin')  # by one that was killed
    assert cli("--out", "found")[0] == 0
    assert len(list((saved / "found").iterdir())) == 4
    (saved / "full").mkdir()
    (saved / "full" / "thesis.txt").write_text("precious")
    (saved / "a_file").write_text("")
    (saved / "run").mkdir()
    (saved / "run" / "results.json").write_text('{"schema": 1}')
    for folder in ("full", "a_file", "run"):
        code, out, err = cli("--out", folder)
        assert (code, out) == (2, "")
        assert "--out DIR" in err
    assert (saved / "run" / "results.json").read_text() == '{"schema": 1}'


def test_arrays_csv_files_and_kinds_tell_the_same(cli, saved):
    expected = cli()[1].split("In short")[1]
    arrays = careless()
    names = []
    for m in range(8):
        for role in ("teacher", "student"):
            rows = ["id,no,yes", *(f"p{i},{a!r},{b!r}" for i, (a, b) in enumerate(arrays[role][m].tolist()))]
            (saved / f"{role}{m}.csv").write_text("\n".join(rows) + "\n")
        names += ["--teacher", f"teacher{m}.csv", "--student", f"student{m}.csv"] if m else []
    labels = [f"p{i},{('no', 'yes')[label]}" for i, label in enumerate(arrays["target"])]
    (saved / "y.csv").write_text("\n".join(["id,label", *reversed(labels)]) + "\n")
    code, out, err = cli(*names, teacher="teacher0.csv", student="student0.csv", target="y.csv")
    assert code == 0, err
    np.save(saved / "probs.npy", Predictions.from_logits(arrays["teacher"]).probs)
    for text in (out, cli("--teacher-kind", "probs", teacher="probs.npy")[1]):
        found = text.split("In short")[1]
        assert found.split("Points where")[0] == expected.split("Points where")[0]


def test_draws_of_the_target_have_noise(cli, saved):
    truth = careless()["target"]
    raters = np.where(np.random.default_rng(1).random((5, len(truth))) < 0.1, 1 - truth, truth)
    np.save(saved / "raters.npy", raters)
    code, out, _ = cli("--draws", "--out", "found", target="raters.npy")
    assert code == 0
    assert "5 draws of labels" in out
    results = json.loads((saved / "found" / "results.json").read_text())
    assert results["decompositions"][0]["parts"]["noise"]["mean"] > 0.1


def test_smoothing_makes_hard_votes_measurable_and_is_said(cli, saved):
    votes = np.eye(2)[careless()["teacher"].argmax(-1)]
    np.save(saved / "votes.npy", votes)
    code, _, err = cli("--teacher-kind", "probs", teacher="votes.npy")
    assert code == 2
    assert "infinite" in err
    code, out, _ = cli("--teacher-kind", "probs", "--smooth-predictions", "0.02", teacher="votes.npy")
    assert code == 0
    assert "0.02 of the uniform distribution was mixed into every prediction" in out
    assert cli("--order", "prediction_first")[0] == 2
    assert cli("--order", "prediction_first", "--smooth-target", "0.02")[0] == 0


def test_students_of_a_teacher_are_given_by_teacher_of(cli, saved):
    arrays = careless()
    order = np.array([3, 1, 0, 2, 7, 6, 5, 4])
    np.save(saved / "shuffled.npy", arrays["student"][order])
    np.save(saved / "of.npy", order)
    expected = cli("--out", "a")[1]
    shuffled = cli("--out", "b", "--teacher-of", "of.npy", student="shuffled.npy")[1]
    assert "as given" in shuffled
    assert expected.split("Slices")[1] == shuffled.split("Slices")[1].replace("b/", "a/")


def bad(saved: Path) -> None:
    arrays = careless()
    np.save(saved / "short.npy", arrays["student"][:, :399])
    np.save(saved / "three.npy", careless(n_classes=3)["student"])
    np.save(saved / "five.npy", arrays["student"][:5])
    np.save(saved / "nan.npy", np.where(arrays["teacher"] > 3, np.nan, arrays["teacher"]))
    np.save(saved / "of.npy", np.array([0, 1, 2, 3, 4, 5, 6, 8]))
    np.save(saved / "few.npy", np.array([0, 1]))
    np.save(saved / "labels.npy", arrays["target"] + 1)
    np.save(saved / "soft.npy", np.full((400, 2), 0.6))
    np.save(saved / "short_y.npy", arrays["target"][:10])
    np.save(saved / "probs.npy", Predictions.from_logits(arrays["teacher"]).probs)
    (saved / "pickle.npy").write_bytes(b"\x80\x04K\x01.")
    (saved / "ids.csv").write_text("id,label\n" + "".join(f"{i},0\n" for i in range(399)))


BAD = [
    (["--fail-below", "gip=0"], {}, 'Did you mean "gap"'),
    (["--fail-below", "gap=inf"], {}, r"expected a number for gap \(the teacher's risk .* gap=0"),
    (
        ["--fail-below", "accuracy=80"],
        {},
        r"a number from 0 to 1 for accuracy \(the student is right\), such as accuracy=0.8",
    ),
    ([], {"teacher": "nowhere.npy"}, "nowhere.npy"),
    ([], {"teacher": "pickle.npy"}, "pickle"),
    ([], {"teacher": "nan.npy"}, "nan"),
    ([], {"teacher": "probs.npy"}, "--kind probs"),
    ([], {"student": "short.npy"}, "399 points"),
    ([], {"student": "three.npy"}, "3 classes|of 3"),
    ([], {"student": "five.npy"}, "--teacher-of"),
    (["--teacher-of", "of.npy"], {}, "0 to 7"),
    (["--teacher-of", "few.npy"], {}, "2 teacher indices"),
    (["--teacher-of", "nowhere.npy"], {}, "nowhere.npy"),
    ([], {"target": "labels.npy"}, "classes 0 to 1"),
    ([], {"target": "soft.npy"}, "sum"),
    ([], {"target": "short_y.npy"}, "10"),
    ([], {"target": "ids.csv"}, "399"),
    ([], {"target": "teacher.npy"}, "draws|distribution"),
    (["--kind", "logit"], {}, 'Did you mean "logits"'),
    (["--order", "first"], {}, "target_first"),
    (["--generator", "negativ_entropy"], {}, 'Did you mean "negative_entropy"'),
    (["--generator", "mahalanobis"], {}, "matrix"),
    (["--order", "prediction_first"], {}, "target_first"),
    (["--level", "95"], {}, "between 0 and 1"),
    (["--smooth-target", "1"], {}, "--smooth-target"),
    (["--validation-teacher", "teacher.npy"], {}, "--validation-target"),
    (["--validation-teacher", "five.npy", "--validation-target", "target.npy"], {}, "5 validation teachers"),
]


@pytest.mark.parametrize(("arguments", "files", "message"), BAD)
def test_bad_input_is_one_clear_line_and_exit_code_2(cli, saved, arguments, files, message):
    bad(saved)
    code, out, err = cli(*arguments, "--out", "found", **files)
    assert code == 2, (out, err)
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("outlearn: error: ")
    assert re.search(message, err), err
    assert not (saved / "found" / "results.json").exists()


def test_explaining_loads_no_torch(saved):
    code = (
        "import sys; from outlearn.explanation.explain_files import explain_files; "
        "explain_files(teacher=['teacher.npy'], student=['student.npy'], target='target.npy'); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=saved, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_memory_stays_below_two_gigabytes_for_a_thousand_students(tmp_path):
    # Two gigabytes are promised at 5,000 points; what grows with students grows with points too, so 1,000 are measured.
    n_points = 1000
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n_points)
    signal = 2 * np.eye(2, dtype=np.float32)[truth]
    np.save(tmp_path / "t.npy", signal + rng.normal(size=(64, n_points, 2)).astype(np.float32))
    np.save(tmp_path / "s.npy", signal + rng.normal(size=(1024, n_points, 2)).astype(np.float32))
    np.save(tmp_path / "y.npy", truth)
    np.save(tmp_path / "i.npy", np.arange(1024) % 64)
    code = (
        "from outlearn.explanation.explain_files import explain_files; "
        "explain_files(teacher=['t.npy'], student=['s.npy'], target='y.npy', teacher_of='i.npy'); "
        # Of this program alone: ru_maxrss starts at what the one that called it had.
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 0.5 * 2**20  # kilobytes; a third of it is what the programs themselves take


def test_python_reads_files_too(saved):
    names = {role: [saved / f"{role}.npy"] for role in ("teacher", "student")}
    assert "Risk gap" in explain_files(**names, target=saved / "target.npy").text


@pytest.mark.parametrize(
    ("gate", "code", "said"),
    [
        ("0", 0, r"passes gap \(the teacher's risk less its student's\): the lower end is \d"),
        ("gap=9", 1, "FAILS  gap .* below 9"),
        ("ensemble=0.5", 1, "FAILS  ensemble .* below 0.5"),
        ("ensemble=-0.5", 0, "passes ensemble"),
        ("accuracy=0.5", 0, "passes accuracy"),
    ],
)
def test_a_threshold_makes_the_exit_code_and_stands_in_results_json(cli, saved, gate, code, said):
    found, out, err = cli("--fail-below", gate, "--out", "found")
    assert found == code, err
    assert re.search(said, out.splitlines()[-1]), out.splitlines()[-1]
    written = json.loads((saved / "found" / "results.json").read_text())["fail_below"]
    assert [each["passes"] for each in written] == [code == 0]
    low = load_explanation(saved / "found").against_teacher.low
    if written[0]["figure"] == "gap":
        assert written[0]["low"] == low


def test_what_is_not_known_reaches_no_threshold_and_says_why(cli, saved):
    for name in ("teacher", "student"):
        np.save(saved / f"{name}.npy", np.load(saved / f"{name}.npy")[:1, :3])
    np.save(saved / "target.npy", np.load(saved / "target.npy")[:3])
    code, out, err = cli("--fail-below", "gap=-9")
    assert code == 1, err
    assert "is not known to be -9 or more: only 3 points" in out.splitlines()[-1]
