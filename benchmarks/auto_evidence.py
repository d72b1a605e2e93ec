"""Choosing without labels against tuned losses, controls and hindsight, over tasks: one JSON line a run, resumable.

    python benchmarks/auto_evidence.py auto.jsonl --sst2 SST2/train.txt --clinc150 clinc150.csv
    python benchmarks/auto_evidence.py auto.jsonl --summary --svg docs/images/auto-scatter.svg

Without the two files their settings are left out and the rest is offline. --kept-back measures the ten tasks of
`kept_back_tasks.py`; --settings FILE.json others: a mapping of names to lists of overrides, as `outlearn run --set`
takes them. --recipe adds overrides to all, such as student.true_labels=learn. A run that is in the file is not done
again.

Each run is `outlearn run` with `auto`, `auto_single` and named losses, tuned without true labels too, by their held-out
weak labels; ceiling and controls are tuned on true labels by cross-validation. Accuracies are of the test split, and
nothing is chosen by them but what is called hindsight.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import outlearn as ol
from auto_summary import print_summary, write_scatter
from auto_tasks import ANNOTATORS, INTENTS, KNOWN_PAIRS, TOKENS_OF_PAIRS, annotated, few_intents, sentence_pairs
from kept_back_tasks import kept_back_settings
from outlearn.experiment.pipeline import run
from outlearn.results.run import NotTrained
from outlearn.results.scored import Scored
from outlearn.results.selection import Selection
from outlearn.store.store import Store
from run_records import add_run, missing_runs, read_runs

LOSSES = ("forward_ce", "reverse_ce", "reverse_kl", "aux_conf", "mae")
RECIPES = ("auto", "auto_single")
# Strength: dimensions of the teachers' encoder x labels of each, or pixels x labels.
WORDS = ("256x200", "64x100", "64x290", "256x50")
PIXELS = ("8x75", "4x75", "16x75", "64x40")


def settings(sst2: Path | None, clinc150: Path | None, hh_helpful: Path | None, tables: Path) -> dict[str, list[str]]:
    """Name the tasks and teacher strengths."""
    sources = {"vader": "data.name=vader-lexicon", "intensity": "data.name=vader-intensity"}
    sources |= {} if sst2 is None else {"sst2": f"data.path={sst2}"}
    found = {
        f"{task}/{strength}": [source, *_words(strength)]
        for task, source in sources.items()
        for strength in (WORDS if task != "intensity" else WORDS[:1])
    }
    for strength in PIXELS:
        pixels, labels = strength.split("x")
        encoder = "{kind: array}" if pixels == "64" else f"{{kind: array, columns: 'centre:{pixels}'}}"
        found[f"digits/{strength}"] = [
            "data.name=digits",
            "teacher.models=8",
            f"teacher.encoder={encoder}",
            f"teacher.labels={labels}",
        ]
    if clinc150 is not None:
        few = f"data.path={few_intents(clinc150, tables)}"
        found |= {f"{INTENTS} intents/{strength}": [few, *_words(strength)] for strength in ("256x60", "64x120")}
    if sst2 is not None:
        found["sst2, annotators with gaps"] = [
            f"data.path={annotated(sst2, tables)}",
            f"data.labelers=[{', '.join(f'annotator_{i}' for i in range(ANNOTATORS))}]",
            "teacher.missing=abstain",
        ]
        found["sst2 pairs/64x100"] = [f"data.path={sentence_pairs(sst2, tables)}", *_words("64x100")]
    if hh_helpful is not None:
        strong = f"student.encoder={{kind: hf, max_length: {TOKENS_OF_PAIRS}}}"
        limit = f"data.limit={KNOWN_PAIRS}"
        found["hh-helpful/64x80"] = [f"data.path={hh_helpful}", limit, strong, *_words("64x80")]
    found["vader/64x290, 3 teachers"] = [*found["vader/64x290"], "teacher.models=3"]
    return found


def _words(strength: str) -> list[str]:
    dims, labels = strength.split("x")
    encoder = "{kind: wordllama}" if dims == "256" else f"{{kind: wordllama, dim: {dims}}}"
    return [f"teacher.encoder={encoder}", f"teacher.labels={labels}", "teacher.models=8"]


def measure(overrides: list[str], seed: int, store: Store) -> dict[str, Any]:
    """Run one task, teacher strength and seed, and keep what the tables need."""
    config = ol.load_config(
        overrides=[
            f"student.loss=[{', '.join((*LOSSES, *RECIPES))}]",
            "student.seeds=1",
            *overrides,
            f"seed={seed}",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        done = run(config, store=store, out=Path(folder) / "run")
    results = done.results
    tuned = {f"tuned {each.loss}, {each.source}": each.accuracy.mean for each in results.tuned_baselines}
    return {
        "seconds": {name: round(s, 2) for name, s in results.seconds.items()},
        "teacher": results.teacher.accuracy.mean,
        "ceiling": results.ceiling.accuracy.mean,
        "withheld": results.students["auto"].recovery.reason,
        "ways": {
            **{name: student.accuracy.mean for name, student in results.students.items()},
            **tuned,
            **{f"teachers' {name}": each.accuracy.mean for name, each in results.ensembles.items()},
            "control: own labels": _accuracy(results.controls.own_labels),
            "control: all labels": _accuracy(results.controls.all_labels),
        },
        "selections": {name: _selection(each) for name, each in results.selections.items()},
    }


def _accuracy(control: Scored | NotTrained) -> float | None:
    return None if isinstance(control, NotTrained) else control.accuracy.mean


def _selection(selection: Selection) -> dict[str, Any]:
    return {
        "criterion": selection.criterion,
        "candidates": [candidate.name for candidate in selection.candidates],
        "kinds": [candidate.kind for candidate in selection.candidates],
        "values": [dict(candidate.values) for candidate in selection.candidates],
        "accuracy": list(selection.judged.accuracy),
        "first": selection.judged.chosen_accuracy,
        "factor": selection.calibration.factor,
        "warnings": list(selection.warnings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON lines: one a run")
    parser.add_argument("--sst2", type=Path, help="a file of SST-2, train.txt of the tree bank's binary task")
    parser.add_argument("--clinc150", type=Path, help="a table of CLINC150 with the columns text and label")
    parser.add_argument("--hh-helpful", type=Path, help="preference pairs: JSON lines with chosen and rejected")
    parser.add_argument("--tables", type=Path, default=Path("auto-tables"), help="where made tables are written")
    parser.add_argument("--settings", type=Path, help="JSON: name -> overrides, in place of the report's settings")
    parser.add_argument("--kept-back", action="store_true", help="the kept-back tasks, with --sst2 and --clinc150")
    parser.add_argument("--recipe", nargs="*", default=[], help="overrides for all settings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--store", type=Path, default=Path(".outlearn"))
    parser.add_argument("--summary", action="store_true", help="measure nothing; print tables")
    parser.add_argument("--svg", type=Path, help="with --summary: write the scatter of criterion against accuracy")
    options = parser.parse_args()
    if not options.summary:
        if options.settings:
            wanted = json.loads(options.settings.read_text())
        elif options.kept_back:
            wanted = kept_back_settings(options.sst2, options.clinc150, options.tables)
        else:
            wanted = settings(options.sst2, options.clinc150, options.hh_helpful, options.tables)
        for name, seed in missing_runs(options.out, list(wanted), options.seeds):
            measured = measure([*wanted[name], *options.recipe], seed, Store(options.store))
            add_run(options.out, name, seed, measured)
            print(f"{name} seed {seed}: {measured['seconds'].get('total')} s", flush=True)
    runs = read_runs(options.out)
    print_summary(runs)
    if options.svg:
        write_scatter(runs, options.svg)


if __name__ == "__main__":
    main()
