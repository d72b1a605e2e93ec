"""The model card of a kept student, in the Hub's format: what it is, how good it is, and where not to trust it."""

from __future__ import annotations

import dataclasses
from html import escape

from outlearn.core.intervals import Interval
from outlearn.encoders.registry import get_encoder
from outlearn.results.measurement import Withheld
from outlearn.student.kept import FLAGS
from outlearn.student.record import EncoderFacts, StudentRecord

__all__ = ["card_text"]

TASKS = {"text": "text-classification", "pair": "text-classification", "numbers": "tabular-classification"}


def card_text(record: StudentRecord) -> str:
    """Write the card: the header that the Hub reads, and what a person should know."""
    # Without the card of the package's front page, whose import brings all that talks to the hub.
    from huggingface_hub.repocard_data import EvalResult, ModelCardData

    accuracy, training = record.results.accuracy, record.training
    name = f"outlearn-{training.task}"
    header = ModelCardData(
        library_name="outlearn" if record.kind == "heads" else "transformers",
        pipeline_tag=TASKS[record.reads.what],
        tags=["weak-to-strong", "weak-supervision", "outlearn"],
        model_name=name,
        eval_results=None
        if isinstance(accuracy, Withheld)
        else [
            EvalResult(
                task_type=TASKS[record.reads.what],
                dataset_type=training.task,
                dataset_name=training.task,
                dataset_split="test",
                metric_type="accuracy",
                metric_value=round(accuracy.mean, 4),
            )
        ],
    )
    return f"---\n{header.to_yaml()}\n---\n\n{_body(record)}"


def _body(record: StudentRecord) -> str:
    """Write the card's text. Names come from the user's data: none of them is read as HTML."""
    training, results = record.training, record.results
    labels = "its own weak teacher" if training.labels_of == "each" else f"the {training.labels_of} of the teachers"
    members = (
        f"the normalised mean of the log-probabilities of {record.members} students"
        if record.members > 1
        else "a single student"
    )
    each = "each of which" if record.members > 1 else "which"
    encoder = (
        "a fine-tuned model"
        if record.encoder is None
        else f"heads on a frozen encoder: {escape(_settings(record.encoder))}"
    )
    flags = "\n".join(
        f"| `{name}` | {text} | {_percent(results.flagged[name].share)} | {_percent(results.flagged[name].accuracy)} |"
        for name, text in FLAGS.items()
        if name in results.flagged
    )
    return f"""# {escape(training.task)}: a student of weak labels

Trained by outlearn {record.outlearn} on {training.points:,} points without their true labels: {members}, {each}
learned from the labels of {labels} ({training.teachers} teachers, loss {escape(training.loss)}). It is {encoder}.

Classes, in the order of the probabilities: {", ".join(f"`{escape(c)}`" for c in record.class_names)}.

## How good it is

On the test points of its run, whose true labels nothing was trained on:

| who | accuracy |
|---|---|
| this student | {_share(results.accuracy)} |
| its members, each alone | {_share(results.members)} |
| the weak teachers | {_share(results.teacher)} |
| students of the true labels | {_share(results.ceiling)} |

Log loss of this student: {_nats(results.log_loss)}. Points of another kind than these may be answered much worse.

## Where not to trust it

| flag | when | test points | accuracy there |
|---|---|---|---|
{flags}

## How to use it

```python
import outlearn as ol

student = ol.load_student("path/to/this/folder")
student.predict({record.reads.example})
```

```
outlearn predict path/to/this/folder {record.reads.example_file} --out answers.csv
```

Data: {escape(training.source) or "of the user"}{f" ({escape(training.licence)})" if training.licence else ""}.
"""


def _settings(encoder: EncoderFacts) -> str:
    """Write an encoder: its kind, its model, and each parameter that is not as it is by itself."""
    built = get_encoder(encoder.settings)
    usual = {field.name: field.default for field in dataclasses.fields(built)}  # type: ignore[arg-type]
    told = [
        f"{name} {value}"
        for name, value in encoder.settings.items()
        if name == "model" or (name != "kind" and value not in (None, usual[name]))
    ]
    return ", ".join((built.kind, *told))


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f}%"


def _share(value: Interval | Withheld) -> str:
    if isinstance(value, Withheld):
        return str(value)
    interval = f" [{100 * value.low:.1f}, {100 * value.high:.1f}]" if not value.reason else ""
    return f"{100 * value.mean:.1f}%{interval}"


def _nats(value: Interval | Withheld) -> str:
    return str(value) if isinstance(value, Withheld) else f"{value.mean:.3f} nats"
