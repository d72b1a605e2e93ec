"""The README says what the program does: its Python prints what it shows, its commands and links exist."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_python_example_prints_what_is_shown():
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL).groups()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # The last digits of a rounding error are the machine's own.
    without_rounding = [re.sub(r"at most \S+", "at most", text) for text in (done.stdout, shown)]
    assert without_rounding[0] == without_rounding[1]


@pytest.mark.slow
def test_the_commands_from_a_table_to_answers_do_what_is_said(tmp_path):
    pytest.importorskip("transformers", reason="the student's encoder is read by transformers")
    block = re.search(r"```\ncd (docs/\S+)\n(outlearn .*?)```", README, re.DOTALL)
    folder = shutil.copytree(ROOT / block[1], tmp_path / "tickets")
    said = ""
    for line in block[2].splitlines():
        _, *arguments = shlex.split(line, comments=True)
        command = [sys.executable, "-c", "from outlearn.cli import main; main()", *arguments]
        said += subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    shown = " ".join(re.search(r"<!-- tickets: begin -->\n```text\n(.*?)```", README, re.DOTALL)[1].split())
    verdict = re.search(r"Verdict on auto: .*?\.", shown)[0]
    assert verdict in " ".join(said.split())
    with (folder / "truth.csv").open(newline="") as truth, (folder / "answers.csv").open(newline="") as answers:
        true = {row["id"]: row["label"] for row in csv.DictReader(truth)}
        right = [row["label"] == true[row["id"]] for row in csv.DictReader(answers)]
    hits, of = map(int, re.search(r"for (\d+) of the\s(\d+) queries", README).groups())
    assert len(right) == of
    assert abs(sum(right) - hits) <= 0.02 * of  # other machines round otherwise


def test_both_commands_of_the_first_section_are_targets_of_make():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    assert re.search(r"^make demo", README, re.MULTILINE)
    assert re.search(r"^make test", README, re.MULTILINE)


def test_clean_leaves_results_and_stored_stages():
    (removed,) = re.findall(r"^clean:.*\n\trm -rf (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert not {"runs", ".outlearn"} & set(removed.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []
