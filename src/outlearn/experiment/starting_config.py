"""A configuration to start from, with a comment at each key: for a table at hand, or an example that comes along."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from outlearn.data.label_columns import LabelColumns
from outlearn.data.text_files import check_file
from outlearn.errors import ConfigError, suggest
from outlearn.experiment.config import DataSection
from outlearn.experiment.load_config import load_config

__all__ = ["example_config", "example_names", "starting_config"]

TEMPLATE = """\
# A run of outlearn. What is not here has its default; `outlearn run` writes every key to config.yaml in its folder.
# Run it: outlearn run {name}
seed: 0

data:
{data}
{teacher}
student:
  # What students see: the sentence encoder of the extra `offline`, or {{kind: tfidf}}, {{kind: wordllama}}, or
  # {{kind: hf, model: a folder or a name of the hub}}. Without this key the preset of your data says it.
  encoder: {encoder}
  # The losses to compare; auto chooses loss, length and weight decay without true labels.
  loss: {losses}
  # Students of each teacher and loss, which differ by their random start.
  seeds: {seeds}
"""
TRAINED = """
# Weak teachers, each trained on its own true labels.
teacher:
  models: {models}
  labels: {labels}
  # Where the rows are too few for that, each has fewer.
  sizes: at_most
"""
EXTERNAL = """
# The labelers of data.labelers are the teachers: none is trained. An empty cell is a gap, no answer.
teacher:
  # Of the uniform distribution in each vote: a certain labeler that is wrong once has an infinite log loss without.
  smoothing: {smoothing}
"""
COMMENTS = {
    "path": "The table: CSV, TSV, JSON lines, Parquet. Relative to where you run.",
    "name": "A built-in task, without files.",
    "text_column": "Texts; '{title} {body}' joins two columns.",
    "label_column": "True labels; an empty cell is none. Some are needed to test on.",
    "id_column": "Names of the rows, all different.",
    "labelers": "Columns with the labels of one labeler each.",
    "annotator_column": "Who labeled, where each row is one annotation.",
    "annotation_column": "What was said, where each row is one annotation.",
}


def starting_config(
    table: str | Path | None, *, columns: LabelColumns | None = None, name: str = "outlearn.yaml"
) -> str:
    """Write a commented configuration for a table, or without one for the offline default.

    Args:
        table: your data; its columns are found as by `load_config`.
        columns: which column is what, where it is not to be found.
        name: of the file that it will be.

    Raises:
        ConfigError, DataError: as `load_config`.
    """
    if table is not None and not Path(table).is_dir():
        check_file(Path(table))  # a name that is misspelled would be written down
    config = load_config(table, columns=columns)
    given = config.data.model_dump(mode="json", exclude_defaults=True)
    lines = []
    for key in (key for key in DataSection.model_fields if key in given):
        lines.append(f"  # {COMMENTS[key]}" if key in COMMENTS else "")
        lines.append(f"  {key}: {_flow(given[key])}")
    section = config.teacher
    from_elsewhere = bool(config.data.labelers or config.data.annotator_column)
    teacher = EXTERNAL.format(smoothing=section.smoothing) if from_elsewhere else TRAINED.format(
        models=section.models, labels=section.labels
    )  # fmt: skip
    return TEMPLATE.format(
        name=name,
        data="\n".join(filter(None, lines)),
        teacher=teacher,
        encoder=_flow(config.student.encoder),
        losses=_flow(list(config.student.loss)),
        seeds=config.student.seeds,
    )


def example_names() -> tuple[str, ...]:
    """List the configurations that come along."""
    return tuple(sorted(_examples()))


def example_config(name: str) -> str:
    """Read a configuration that comes along.

    Raises:
        ConfigError: if there is none of that name.
    """
    known = _examples()
    if name not in known:
        raise ConfigError(f"--example is {name!r}; {suggest(name, known)}")
    return known[name].read_text(encoding="utf-8")


def _examples() -> dict[str, Traversable]:
    """Find the configurations: inside the installed package, or beside its sources."""
    inside = files("outlearn") / "configs"
    root = inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "configs"
    if not root.is_dir():
        return {}
    return {
        f"{folder.name}/{file.name.removesuffix('.yaml')}": file
        for folder in root.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }


def _flow(value: object) -> str:
    """Write a value on one line; a bare one would be followed by the mark of a document's end."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000).strip()[1:-1]
