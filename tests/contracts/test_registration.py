"""One new thing of each kind, made in this file and put into its table, goes through a run, results, reports and docs.

Nothing else knows it: a table of names anywhere in the house makes one of these tests fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
import pytest
from pydantic import Field
from tests.small_runs import SMALL
from tools.docs_tables import render

from outlearn.cli import main
from outlearn.core.generators import GENERATORS, BregmanGenerator
from outlearn.core.labelers.combinations import COMBINATIONS, Combination
from outlearn.core.metrics import METRICS, Metric
from outlearn.core.predictions import Predictions
from outlearn.core.scales import SHARE
from outlearn.core.students.criteria import CRITERIA, Criterion
from outlearn.data.formats import FORMATS, Format
from outlearn.data.load import DATASETS, Dataset, load_task
from outlearn.data.raw_table import RawTable
from outlearn.data.task import Task, make_task
from outlearn.encoders import ENCODERS
from outlearn.encoders.encoder import Learned
from outlearn.errors import ConfigError
from outlearn.experiment.load_config import load_config
from outlearn.experiment.stages import auto
from outlearn.learners import LEARNERS
from outlearn.learners.fitted import Predicted
from outlearn.learners.learner import Learner
from outlearn.losses import LOSSES, Loss
from outlearn.losses.loss import Number, Range
from outlearn.selection import default_candidates


@dataclass(frozen=True)
class Shown:
    """What a user sees of a run: the numbers, what is printed, the page, and the tables for a pull request."""

    results: Mapping[str, Any]
    summary: str
    page: str
    markdown: str


@pytest.fixture
def show(tmp_path: Path, task_file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shown]:
    """Return a function that runs the small task from the command line, and writes every report of it."""

    def outlearn(*arguments: object) -> None:
        monkeypatch.setattr("sys.argv", ["outlearn", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code

    def go(*overrides: str, data: str = f"data.path={task_file}") -> Shown:
        out = tmp_path / "run"
        settings = [part for override in (data, *SMALL, *overrides) for part in ("--set", override)]
        outlearn("run", "--store", tmp_path / "store", "--out", out, *settings)
        outlearn("report", out, "--format", "md")
        read = {name: (out / name).read_text() for name in ("results.json", "summary.txt", "report.html", "report.md")}
        return Shown(
            json.loads(read["results.json"]),
            read["summary.txt"],
            read["report.html"],
            read["report.md"].replace("\\", ""),
        )

    return go


# ---- a loss ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Powered(Loss):
    """Compute sum |s - t|^power, without a closed form."""

    name: ClassVar[str] = "powered"
    label: ClassVar[str] = "powered difference"
    formula: ClassVar[str] = "sum abs(s - t)^power"
    minimiser: ClassVar[str] = "t"

    power: Annotated[Number, Range(1.0)] = 3.0

    def per_example(self, logits, targets, progress):
        return (logits.softmax(-1) - targets).abs().pow(self.power).sum(-1)


def test_a_loss(monkeypatch, show):
    monkeypatch.setitem(LOSSES, "powered", Powered)
    shown = show("student.loss=[forward_ce, {kind: powered, power: 2}]")
    assert shown.results["students"]["powered(power=2)"]["loss"] == {"kind": "powered", "power": 2.0}
    for text in (shown.summary, shown.page, shown.markdown):
        assert "powered(power=2)" in text
    assert "| `powered` | powered difference | sum abs(s - t)^power | autograd | t | power (3) |" in render("losses")


def test_a_loss_is_refused_with_the_range_that_it_states(monkeypatch):
    monkeypatch.setitem(LOSSES, "powered", Powered)
    with pytest.raises(ValueError, match=r"powered.power is 0.5; expected a number of at least 1"):
        load_config(overrides=["student.loss={kind: powered, power: 0.5}"])


# ---- a divergence ----------------------------------------------------------------------------------------------------


@final
class Cosh(BregmanGenerator):
    """phi(x) = sum cosh x."""

    name: ClassVar[str] = "cosh"
    label: ClassVar[str] = "hyperbolic cosine divergence"
    line: ClassVar[str] = "Nearly half the squared distance."
    domain: ClassVar[str] = "finite numbers"
    dual_domain: ClassVar[str] = "finite numbers"
    unit: ClassVar[str] = "coshes"
    divergence_symbol: ClassVar[str] = "C"
    notation: ClassVar[str] = "C({a}, {b})"
    dual_mean_name: ClassVar[str] = "arsinh of the mean sinh"
    in_runs: ClassVar[bool] = True

    def _inside(self, points):
        return np.isfinite(points)

    def _inside_dual(self, duals):
        return np.isfinite(duals)

    def _potential(self, points):
        return np.cosh(points).sum(-1)

    def _gradient(self, points):
        return np.sinh(points)

    def _inverse_gradient(self, duals):
        return np.arcsinh(duals)


def test_a_divergence(monkeypatch, show):
    monkeypatch.setitem(GENERATORS, "cosh", Cosh)
    shown = show("measure.generator=cosh")
    measure = shown.results["measure"]
    assert measure["generator"] == "cosh"
    assert measure["misfit"].startswith("C(student")
    assert "arsinh of the mean sinh" in measure["posterior_mean"]
    for text in (shown.page, shown.markdown):
        assert "coshes" in text
    assert "| `cosh` | C(a, b) | hyperbolic cosine divergence: Nearly" in render("generators")


# ---- a way to combine teachers ---------------------------------------------------------------------------------------


def median(teachers: Predictions) -> Predictions:
    middle = np.median(teachers.probs, axis=0)
    return Predictions.from_probs(middle / middle.sum(axis=-1, keepdims=True), point_ids=teachers.point_ids)


MEDIAN = Combination(
    name="median",
    label="median",
    line="median of each probability, normalised",
    formula="q proportional to median_i p_i",
    estimates="nothing",
    fit=lambda fit_on: median,
)


def test_a_combination(monkeypatch, show):
    monkeypatch.setitem(COMBINATIONS, "median", MEDIAN)
    shown = show("weak_labels.source=median")
    assert 0.5 < shown.results["ensembles"]["median"]["accuracy"]["mean"] <= 1.0
    assert "ensemble_median" in shown.results["students"]["forward_ce"]["differences"]
    for text in (shown.summary, shown.page, shown.markdown):
        assert "ensemble, median" in text
    assert "| `median` | median of each probability, normalised | q proportional to" in render("combinations")


# ---- a criterion for loss: auto --------------------------------------------------------------------------------------

CERTAINTY = Criterion(
    name="squared_kappa",
    label="squared kappa of students",
    read=lambda found: found.consensus.student_kappa**2,
    higher_is_better=True,
    held_out=False,
    assumes="they agree",
    fails="they do not",
)


def test_a_criterion(monkeypatch, show, write_task, tmp_path):
    monkeypatch.setitem(CRITERIA, "squared_kappa", CERTAINTY)
    monkeypatch.setattr(auto, "default_candidates", lambda *given, **more: default_candidates(*given, **more)[::40])
    tiny = write_task(tmp_path / "tiny.npz", n_points=120)
    shown = show("student.loss=auto", "student.criterion=squared_kappa", "teacher.models=2", data=f"data.path={tiny}")
    selection = shown.results["selections"]["auto"]
    assert selection["criterion"] == "squared_kappa"
    assert "squared_kappa" in selection["judged"]["by_criterion"]
    for text in (shown.page, shown.markdown):
        assert "squared kappa of students" in text
    assert "| `squared_kappa` | squared kappa of students | higher | they agree | they do not |" in render("criteria")


# ---- a data format, and a dataset ------------------------------------------------------------------------------------


def read_piped(path: Path) -> RawTable:
    rows = [line.rsplit("|", 1) for line in path.read_text().splitlines()]
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    return RawTable(str(path), columns, range(1, len(rows) + 1))


PIPED = Format("piped", (".piped",), "lines with a bar", "a text, a bar and a label a line", read_piped, "hf")


def test_a_data_format(monkeypatch, show, tmp_path):
    monkeypatch.setitem(FORMATS, "piped", PIPED)
    rng = np.random.default_rng(0)
    lines = [
        f"point {i} is {'good' if y else 'bad'} and {rng.integers(99)}|{'yes' if y else 'no'}"
        for i, y in enumerate(rng.integers(0, 2, 300))
    ]
    (tmp_path / "task.piped").write_text("\n".join(lines))
    weak = "teacher.encoder={kind: tfidf}"
    shown = show(weak, "student.encoder={kind: tfidf}", data=f"data.path={tmp_path / 'task.piped'}")
    assert shown.results["task"]["class_names"] == ["no", "yes"]
    assert shown.results["teacher"]["accuracy"]["mean"] > 0.9
    assert "task" in shown.page
    assert "| `piped` | .piped | a text, a bar and a label a line | outlearn[hf] |" in render("formats")
    with pytest.raises(ConfigError, match='Did you mean "piped"'):
        load_task(path=tmp_path / "task.piped", format="pipe")


def test_a_dataset(monkeypatch, show):
    def load() -> Task:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 2, 300)
        features = (rng.normal(size=(300, 4)) + labels[:, None]).astype(np.float32)
        return make_task(name="blobs", class_names=("left", "right"), labels=labels, features=features)

    blobs = Dataset("blobs", "left or right?", "300 points", "this file", "MIT", load, preset="arrays")
    monkeypatch.setitem(DATASETS, "blobs", blobs)
    shown = show(data="data.name=blobs")
    assert shown.results["task"]["name"] == "blobs"
    assert "blobs" in shown.page
    assert "| `blobs` | 300 points | left or right? | this file | MIT | |" in render("datasets")


# ---- an encoder ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signs:
    """The signs of the features."""

    kind: ClassVar[str] = "signs"
    label: ClassVar[str] = "signs"
    line: ClassVar[str] = "the signs of the task's features"
    extra: ClassVar[str] = "offline"
    fits: ClassVar[bool] = False
    common_scale: ClassVar[bool] = True

    scale: float = 1.0

    @property
    def fingerprint(self):
        return f"signs {self.scale}"

    def encode(self, task, points, fit_on, *, progress=None):
        return (self.scale * np.sign(task.features[points])).astype(np.float32)

    def files(self):
        return {}

    def learn(self, task, fit_on):
        return Learned()

    def load(self, learned):
        return lambda task, points, progress=None: self.encode(task, points, None, progress=progress)


def test_an_encoder(monkeypatch, show):
    monkeypatch.setitem(ENCODERS, "signs", Signs)
    shown = show("student.encoder={kind: signs, scale: 2}")
    assert 0.5 < shown.results["ceiling"]["accuracy"]["mean"] <= 1.0
    assert "forward_ce" in shown.page
    assert "| `signs` | the signs of the task's features | `scale` (1) | outlearn[offline] |" in render("encoders")
    with pytest.raises(ValueError, match=r"encoder\.scales is no parameter of the encoder 'signs'"):
        load_config(overrides=["data.name=digits", "student.encoder={kind: signs, scales: 2}"])


# ---- a learner -------------------------------------------------------------------------------------------------------


class CentroidLearner(Learner):
    """Nearness to the mean of each class, weighted by the labels; the loss plays no part."""

    kind: Literal["centroids"] = "centroids"
    sharpness: Annotated[float, Field(gt=0)] = 1.0

    label: ClassVar[str] = "centroids"
    line: ClassVar[str] = "The nearest class mean."
    has_randomness: ClassVar[bool] = False

    def fit(self, features, targets, jobs, points, *, bias, weights=None, checkpoints=(), progress=None):
        logits: dict[str, list[np.ndarray]] = {name: [] for name in points}
        for job in jobs:
            t = targets[job.labeling] * (1 if job.weighting is None else weights[job.weighting][:, None])
            means = t.T @ features / t.sum(axis=0)[:, None]
            for name, x in points.items():
                far = ((x[:, None] - means) ** 2).sum(axis=-1)
                logits[name].append((-self.sharpness * far).astype(np.float32))
        return Predicted({name: np.stack(rows)[None] for name, rows in logits.items()}, (1.0,))


def test_a_learner(monkeypatch, show):
    monkeypatch.setitem(LEARNERS, "centroids", CentroidLearner)
    shown = show(
        "student.learner={kind: centroids, sharpness: 0.5}",
        "teacher.learner={kind: centroids}",
        "student.seeds=1",
        "student.loss=forward_ce",
    )
    assert 0.5 < shown.results["students"]["forward_ce"]["accuracy"]["mean"] <= 1.0
    assert shown.results["ceiling_untuned"]["models"] == 1  # it has no randomness
    assert shown.results["ceiling"]["tuning"]["members"] == 10  # nine strengths of logistic regression, and itself
    assert "forward_ce" in shown.page
    assert "| `centroids` | centroids: The nearest class mean. | features | |" in render("learners")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["student.seeds=2"], "student: learner.kind: centroids has no randomness, so seeds must be 1"),
        (["student.seeds=1", "student.select=validation"], "learner.kind: centroids has none; use adamw"),
        (["student.seeds=1", "student.rounds=2"], "rounds of self-distillation need a learner that trains for a time"),
        (["student.learner.sharpnes=2"], 'student.learner.sharpnes is no key; known: .* Did you mean "sharpness"'),
        (["student.learner.sharpness=0"], "student.learner.sharpness is 0; input should be greater than 0"),
        (["student.learner.kind=centroid"], "student.learner: kind is 'centroid'; .*Did you mean \"centroids\""),
    ],
)
def test_a_learner_is_refused_what_it_says_that_it_cannot(monkeypatch, overrides, message):
    monkeypatch.setitem(LEARNERS, "centroids", CentroidLearner)
    with pytest.raises(ValueError, match=message):
        load_config(overrides=["data.name=digits", "student.learner={kind: centroids}", *overrides])


# ---- a metric --------------------------------------------------------------------------------------------------------


def confidence(predictions: Predictions, labels: np.ndarray) -> np.ndarray:
    return predictions.probs.max(axis=-1)


def test_a_metric(monkeypatch, show):
    line = "mean of the largest probability, in %"
    metric = Metric("confidence", "top confidence", line, "percent", None, confidence, SHARE)
    monkeypatch.setitem(METRICS, "confidence", metric)
    shown = show()
    record = shown.results["students"]["forward_ce"]["confidence"]
    assert record["low"] <= record["mean"] <= record["high"]
    for text in (shown.page, shown.markdown):
        assert "top confidence" in text
    assert "| `confidence` | top confidence | mean of the largest probability, in % | |" in render("metrics")
