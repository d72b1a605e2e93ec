"""What is checked on commit, by hand and before a change lands is the same, and the version is said once."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from tools.build_distributions import with_absolute_links

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
    assert commands[-3:] == ["make test", "make lint", "make docs"]
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_citation_is_of_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_on_a_package_index_the_links_of_the_readme_lead_to_the_repository():
    text = with_absolute_links((ROOT / "README.md").read_text(encoding="utf-8"), "https://host/us/outlearn/", "1.2.3")
    targets = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", text)
    ours = [(picture, target) for picture, target in targets if "/us/outlearn/" in target]
    assert all(target.startswith(("https://", "#")) for _, target in targets)
    for picture, target in ours:
        assert target.startswith(f"https://host/us/outlearn/{'raw' if picture else 'blob'}/v1.2.3/")
    assert {picture for picture, _ in ours} == {"", "!"}


def test_a_release_is_tested_before_it_is_built_and_published_without_a_token():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    runs = [step["run"].split()[0:2] for step in jobs["build"]["steps"] if "run" in step]
    assert runs[:2] == [[".ci/run"], ["make", "dist"]]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
