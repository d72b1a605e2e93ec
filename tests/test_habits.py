"""What is checked on commit, by hand and before a change lands is the same, and the version is said once."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from outlearn.version import __version__

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_hooks_of_pre_commit_are_the_checks_of_make_lint():
    (checks,) = re.findall(r"^lint: ([\w ]+?)  ##", MAKEFILE, re.MULTILINE)
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == [f"make {check}" for check in checks.split()]


def test_what_must_pass_is_the_tests_and_the_checks_and_the_workflow_calls_nothing_else():
    commands = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()
    assert commands[-2:] == ["make test", "make lint"]
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_citation_is_of_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
