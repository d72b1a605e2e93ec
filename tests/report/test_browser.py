"""The page in a real browser, headless Chromium: nothing is fetched, nothing fails, and what is shown is what was
measured."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.report.made_up import make_up

from outlearn.report.cells import format_cell
from outlearn.report.html import write_report
from outlearn.report.style import DARK_OF, PAPER
from outlearn.results.run_folder import load_run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parent.parent.parent
SHOWN_DIGITS = 5e-5  # the ledger rounds to four digits

pytestmark = [
    pytest.mark.medium,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Opened:
    """A page, what it asked for and what it complained about."""

    def __init__(self, browser, path, **choices):
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **choices)
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route(lambda url: not url.startswith(("file:", "data:")), lambda route: route.abort())
        self.url = path.resolve().as_uri()
        self.page.goto(self.url)
        if choices.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-figures=drawn]", state="attached", timeout=60_000)

    def column(self, name):
        head = [text.rstrip(" ↕↑↓") for text in self.page.locator("#grid-ledger thead th").all_inner_texts()]
        place = head.index(name) + 1
        return self.page.locator(f"#grid-ledger tbody tr > td:nth-child({place})").all_inner_texts()


@pytest.fixture(scope="module")
def page_of(browser, folder_of, tmp_path_factory):
    """Return a function that gives the open page of a kind of run; tests put back what they change."""
    place, pages = tmp_path_factory.mktemp("pages"), {}

    def opened(kind):
        if kind not in pages:
            kinds = ["plain", "one-loss"] if kind == "comparison" else [kind]
            path = write_report([folder_of(k) for k in kinds], place / f"{kind}.html")
            pages[kind] = Opened(browser, path)
        return pages[kind]

    yield opened
    for page in pages.values():
        page.context.close()


@pytest.fixture
def plain(page_of):
    return page_of("plain")


@pytest.fixture(scope="module")
def results(folder_of):
    return load_run(folder_of("plain")).results


KINDS = ["plain", "hostile", "one-teacher", "ten-classes", "preference", "one-loss", "comparison"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_complains_of_nothing_asks_for_nothing_and_draws_every_figure(page_of, kind):
    opened = page_of(kind)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.url]
    empty = opened.page.evaluate(
        "[...document.querySelectorAll('div.plot')].filter((p) => !p.data || !p.querySelector('.main-svg .trace, .hm'))"
        ".map((p) => p.id)"
    )
    assert empty == []
    assert opened.page.locator("div.plot").count() >= 2
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_each_hover_text_holds_the_numbers_of_the_results(plain, results):
    found = plain.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('div.plot')].map((plot) => [plot.id.slice(5),
        plot.data.flatMap((trace) => (trace.customdata || []).flat())]))"""
    )
    for loss, student in results.students.items():
        for key, kind in (("accuracy", "percent"), ("log_loss", "nats")):
            assert f"student, {loss}: {format_cell(student.scores[key], kind)}" in found["scores"]
        for key, kind in (("misfit", "nats"), ("residual", "signed")):
            assert f"{loss}: {key} {format_cell(getattr(student, key), kind)}" in found["gap"]
        assert f"{loss}: {format_cell(student.gap, 'nats')}" in found["gap"]
        last = student.path[-1]
        assert f"{loss}, epoch 20: accuracy {100 * last.accuracy:.1f}" in found["path"]
        for key in ("bias", "variance"):
            words = f"student, {loss}: {key} {format_cell(getattr(student, key), 'nats')}"
            assert words in found["bias-variance"]


def test_the_mouse_over_a_mark_shows_its_numbers(plain, results):
    page = plain.page
    page.locator("#fig-scores").scroll_into_view_if_needed()
    place = page.evaluate(
        """() => { const plot = document.getElementById('plot-scores');
        const k = plot.data.findIndex((trace) => trace.name === 'student');
        const { xaxis: x, yaxis: y } = plot._fullLayout, box = plot.getBoundingClientRect(), trace = plot.data[k];
        return [box.left + x._offset + x.d2p(trace.x[0]), box.top + y._offset + y.d2p(trace.y[0])]; }"""
    )
    page.mouse.move(place[0] - 3, place[1])
    page.mouse.move(*place)
    page.wait_for_selector("#plot-scores .hoverlayer .hovertext")
    loss, first = next(iter(results.students.items()))
    shown = page.locator("#plot-scores .hoverlayer .hovertext").text_content()
    assert shown == f"student, {loss}: {format_cell(first.accuracy, 'percent')}"
    page.mouse.move(0, 0)


def test_marks_stand_where_their_numbers_are(plain, results):
    traces = plain.page.evaluate("document.getElementById('plot-scores').data")
    student = next(trace for trace in traces if trace["name"] == "student" and trace["xaxis"] == "x")
    for x, up, each in zip(student["x"], student["error_x"]["array"], results.students.values(), strict=True):
        assert x == pytest.approx(100 * each.accuracy.mean)
        assert x + up == pytest.approx(100 * each.accuracy.high)


def test_the_ledger_holds_every_point_and_sorts_by_keyboard(plain, folder_of):
    page = plain.page
    made = make_up(name="plain")
    labels = np.array([p["label"] for p in made.points if p["split"] == "test"])
    gaps = {}
    arrays = made.arrays["students"]
    teachers = made.arrays["teachers"]["test.log_probs"]
    for k, loss in enumerate(made.results.students):
        mine = arrays["loss_of"] == k
        student, own = arrays["test.log_probs"][mine], teachers[arrays["teacher_of"][mine]]
        at = np.arange(len(labels))
        gaps[loss] = (student[:, at, labels] - own[:, at, labels]).mean(axis=0)
    chosen = page.locator("#grid-ledger select").first.input_value()
    best_first = np.sort(gaps[chosen])[::-1]
    assert [float(v) for v in plain.column("gap")] == pytest.approx(best_first[:25].tolist(), abs=1e-3)
    assert page.locator("#grid-ledger .status").inner_text() == f"1–25 of {len(labels)} points"

    button = page.locator("#grid-ledger th button", has_text="gap")
    button.focus()
    page.keyboard.press("Enter")
    head = page.locator("#grid-ledger th", has_text="gap")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(v) for v in plain.column("gap")] == pytest.approx(best_first[::-1][:25].tolist(), abs=1e-3)
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"

    page.locator("#grid-ledger .pager button", has_text="next").focus()
    page.keyboard.press("Enter")
    assert [float(v) for v in plain.column("gap")] == pytest.approx(best_first[25:50].tolist(), abs=1e-3)
    page.locator("#grid-ledger .pager button", has_text="previous").click()


def test_the_ledger_filters_by_keyboard_and_finds_text(plain):
    page = plain.page
    label = page.locator("#grid-ledger label", has_text="label").locator("select")
    label.focus()
    page.keyboard.press("ArrowDown")
    assert set(plain.column("label")) == {"class 0"}
    page.keyboard.press("ArrowUp")
    assert set(plain.column("label")) == {"class 0", "class 1"}

    search = page.locator("#grid-ledger input[type=search]")
    search.focus()
    page.keyboard.type("splendid")
    status = sync_api.expect(page.locator("#grid-ledger .status"))
    status.not_to_contain_text("of 160")
    assert plain.column("text")
    assert all("splendid" in text for text in plain.column("text"))
    search.fill("no such words")
    status.to_have_text("no points match")
    search.fill("")
    status.to_contain_text("of 160")


def test_another_loss_fills_the_ledger_anew(plain, results):
    page = plain.page
    select = page.locator("#grid-ledger select").first
    before, first = select.input_value(), plain.column("gap")
    other = next(loss for loss in results.students if loss != before)
    select.select_option(other)
    assert plain.column("gap") != first
    select.select_option(before)
    assert plain.column("gap") == first


def test_figures_and_page_are_dark_where_that_is_asked_for(plain):
    page = plain.page

    def look():
        return page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, ...((plot) => [plot.layout.paper_bgcolor,"
            " plot.data[0].line.color])(document.getElementById('plot-path'))]"
        )

    light = look()
    assert light[:2] == ["rgb(255, 255, 255)", PAPER]
    button = page.locator("#theme")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert button.inner_text() == "Colours: dark"
    assert look() == ["rgb(20, 24, 31)", DARK_OF[PAPER], DARK_OF[light[2]]]
    page.keyboard.press("Enter")
    drawn = sync_api.expect(page.locator("#plot-path .main-svg").first)
    page.emulate_media(color_scheme="dark")
    drawn.to_have_css("background-color", "rgb(20, 24, 31)")
    page.emulate_media(color_scheme="light")
    drawn.to_have_css("background-color", "rgb(255, 255, 255)")
    assert look() == light


@pytest.mark.slow
def test_the_page_prints_to_pdf_in_light_colours(plain):
    plain.page.emulate_media(color_scheme="dark")
    printed = plain.page.pdf(format="A4")
    plain.page.emulate_media(color_scheme="light")
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page") >= 4


@pytest.mark.slow
def test_without_scripts_the_findings_and_tables_are_there(browser, folder_of, tmp_path, results):
    opened = Opened(browser, write_report([folder_of("plain")], tmp_path / "page.html"), java_script_enabled=False)
    text = opened.page.locator("main").inner_text()
    assert "Figures need scripts" in text
    for student in results.students.values():
        assert format_cell(student.accuracy, "percent") in text
    opened.context.close()


def axe_source():
    places = [ROOT / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
    return next((file for place in places if (file := place / "axe-core" / "axe.min.js").is_file()), None)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["plain", "hostile", "comparison"])
def test_axe_finds_no_fault(page_of, kind, scheme):
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not installed: npm install axe-core, here or in a folder named by NODE_PATH")
    page = page_of(kind).page
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = false; })")
    page.emulate_media(color_scheme="light")
    faults = [(fault["id"], fault["impact"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]
    assert faults == []
