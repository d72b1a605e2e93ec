"""The pages of preflight and explain: what the folder holds is on them, as text, bad news first, without a request."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from tests.preflight.test_cli_preflight import rows, write
from tests.report.test_escaping import ATTACKS, Elements, every_text

from outlearn.errors import ConfigError
from outlearn.explanation.explain_files import explain_files
from outlearn.preflight_checks.preflight_files import preflight_files
from outlearn.report.explain_page import explain_page
from outlearn.report.html import write_report
from outlearn.report.preflight_page import preflight_page
from outlearn.results.explanation import EXPLANATIONS, load_explanation
from outlearn.results.preflight import PREFLIGHTS, load_preflight

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OVERPRINTED = """() => {
  const boxes = [...document.querySelectorAll('svg text, .tile span, .tile strong, h1, h2, h3, li, figcaption, td, th')]
    .filter(e => e.checkVisibility() && e.textContent.trim() && !e.querySelector('li, h3'))
    .map(e => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
  const found = [];
  boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([two, b]) => {
    if (one.contains(two) || two.contains(one)) return;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 3) found.push(`${one.textContent.trim()} | ${two.textContent.trim()}`);
  }));
  return found;
}"""
"""Pairs of texts whose boxes share more than the leading of a line."""


@pytest.fixture(scope="module")
def flight(tmp_path_factory):
    """A folder of preflight with true labels, a doubtful labeler, and points to label next."""
    place = tmp_path_factory.mktemp("flight")
    table = rows(500)
    rng = np.random.default_rng(0)
    for row in table:
        row["dee"] = row["cy"] if rng.random() < 0.95 else row["ann"]
        row["eve"] = ("no", "yes")[int(rng.integers(2))]
    write(place / "labels.csv", table)
    preflight_files(place / "labels.csv", label_next=60, aim="gain", to_label=place / "next.csv", out=place / "out")
    return place / "out"


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    place = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 150)
    signal = np.stack([0.5 - truth, truth - 0.5], axis=-1)
    noise = rng.normal(size=(4, 150, 2))
    arrays = {"t": signal + noise, "s": 1.2 * signal + 0.4 * noise, "y": truth}
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)
    files = {key: [place / f"{name}.npy"] for key, name in (("teacher", "t"), ("student", "s"))}
    explain_files(**files, target=place / "y.npy", out=place / "out")
    return place / "out"


@pytest.mark.parametrize("kind", ["flight", "explained"])
def test_the_page_is_made_again_from_the_folder_alone_and_asks_for_nothing(request, kind, tmp_path):
    folder = request.getfixturevalue(kind)
    page = write_report([folder], tmp_path / "page.html").read_text()
    assert page == write_report([folder], tmp_path / "again.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', page)
    for many in ([folder, folder], [folder]):
        with pytest.raises(ConfigError, match="one page, html"):
            write_report(many, tmp_path / "page.md", format="md")


def text_of(page: str) -> str:
    plain = re.sub(r"<(script|style|title)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(plain.replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&").split())


def test_verdict_bad_news_numbers_and_what_next_are_text_before_anything_else(flight):
    found = load_preflight(flight)
    text = text_of(preflight_page(found))
    place = {what: text.index(what) for what in (found.verdict.title, "Bad news", "What to do next", "The labelers")}
    assert list(place.values()) == sorted(place.values())
    for doubt in found.warnings:
        assert " ".join(doubt.split()) in text[: place["The labelers"]]
    assert len(found.warnings) >= 2
    truth, student = found.truth, found.student
    for number in (1 - truth.error.mean, student.true_gain.low, student.true_gain.high):
        assert f"{100 * number:.1f}" in text[: place["The labelers"]]
    assert found.next_labels.sentence in text
    for labeler in found.labelers:
        assert labeler.name in text


def test_a_vote_that_does_better_is_bad_news(flight):
    record = json.loads((flight / "results.json").read_text())
    for student in record["students"]:
        student["true_over_vote"] = {**student["true_gain"], "mean": -0.1, "low": -0.2, "high": -0.05}
    assert "their vote does better than the student: -10.0 points" in text_of(
        preflight_page(read(PREFLIGHTS, record, flight))
    )


def read(kind, record, folder):
    changed = folder.parent / "changed"
    changed.mkdir(exist_ok=True)
    (changed / "results.json").write_text(json.dumps(record))
    return kind.read(changed)


def test_an_explanation_says_who_is_better_and_why_on_the_first_screen(explained):
    found = load_explanation(explained)
    text = text_of(explain_page(found))
    assert text.index(found.title) < text.index("What to do next") < text.index("In short")
    for part in (found.summary.misfit, found.summary.residual):
        assert f"{part.mean:.3f}" in text[: text.index("In short")]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("kind", ["flight", "explained"])
def test_no_text_of_a_folder_becomes_markup(request, kind, attack):
    folder = request.getfixturevalue(kind)
    record = json.loads((folder / "results.json").read_text())
    keys = {key: record[key] for key in ("schema", "kind")}
    attacked = every_text(record, attack) | keys
    pages = {"flight": (PREFLIGHTS, preflight_page), "explained": (EXPLANATIONS, explain_page)}
    of, page = pages[kind]
    if kind == "flight":  # facts that are keys
        attacked["next_labels"]["aim"] = record["next_labels"]["aim"]
        attacked["points_to_check"] = [
            {**point, "kind": was["kind"]}
            for point, was in zip(attacked["points_to_check"], record["points_to_check"], strict=True)
        ]
    else:
        attacked["summary"]["directions"] |= {
            key: record["summary"]["directions"][key] for key in ("generator", "order")
        }
    plain, hostile = elements(page(of.read(folder))), elements(page(read(of, attacked, folder)))
    assert len(hostile.scripts) == len(plain.scripts)
    assert set(hostile.tags) <= set(plain.tags)
    assert not [name for _, name in hostile.attributes if name.startswith("on")]
    assert attack in "".join(hostile.text)


def elements(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


@pytest.mark.medium
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
@pytest.mark.parametrize("kind", ["flight", "explained"])
def test_nothing_is_overprinted_or_cut_off_at_any_width_with_and_without_scripts(request, kind, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")
    path = write_report([request.getfixturevalue(kind)], tmp_path / "page.html").resolve()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width in (400, 800, 1400):
            for scripts in (True, False):
                context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
                page = context.new_page()
                complaints: list[str] = []
                page.on("console", lambda message, said=complaints: said.append(message.text))
                page.goto(path.as_uri())
                assert complaints == []
                if scripts:
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                    assert page.evaluate(OVERPRINTED) == []
                for part in (".verdict", ".tile", "figure svg"):
                    assert page.locator(part).first.is_visible()
                context.close()
        browser.close()
