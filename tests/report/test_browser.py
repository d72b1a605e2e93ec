"""The page in a real browser, headless Chromium: nothing is fetched, nothing fails, and what is shown is what was
measured."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.report.made_up import make_up
from tests.report.test_sweep_page import plain as plain_run
from tests.report.test_sweep_page import write_sweep

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

    def unfold(self):
        self.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")

    def column(self, name):
        head = [text.rstrip(" ↕↑↓") for text in self.page.locator("#grid-ledger thead th").all_text_contents()]
        place = head.index(name) + 1
        return self.page.locator(f"#grid-ledger tbody tr > td:nth-child({place})").all_inner_texts()


def a_sweep(folder):
    runs = [plain_run(task, seed, encoder=e) for task in "ab" for e in ("weak", "strong") for seed in range(2)]
    long = "student.learner.weight_decay"  # a name that is wider than half of a phone
    runs = [({**values, long: 0.1 * (values["student.encoder"] == "weak")}, run) for values, run in runs]
    return write_sweep(folder, runs, keys=("data.name", "student.encoder", long, "seed"), failed={"r9": "no data"})


@pytest.fixture(scope="module")
def page_of(browser, folder_of, tmp_path_factory):
    """Return a function that gives the open page of a kind of run; tests put back what they change."""
    place, pages = tmp_path_factory.mktemp("pages"), {}

    def opened(kind):
        if kind not in pages:
            kinds = ["plain", "one-loss"] if kind == "comparison" else [kind]
            folders = [a_sweep(place / kind)] if kind == "sweep" else [folder_of(k) for k in kinds]
            path = write_report(folders, place / f"{kind}.html")
            pages[kind] = Opened(browser, path)
            pages[kind].unfold()
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


KINDS = ["plain", "hostile", "one-teacher", "ten-classes", "preference", "one-loss", "comparison", "sweep"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_complains_of_nothing_asks_for_nothing_and_draws_every_figure(page_of, kind):
    opened = page_of(kind)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.url]
    empty = opened.page.evaluate(
        "[...document.querySelectorAll('figure')].filter((f) => [...f.querySelectorAll('.plot svg')]"
        ".some((p) => p.getBoundingClientRect().height < 100 || !p.querySelector('path'))).map((f) => f.id)"
    )
    assert empty == []
    assert opened.page.locator(".plot svg").count() >= 2
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_each_mark_says_the_numbers_of_the_results(plain, results):
    found = plain.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('figure')].map((figure) => [figure.id.slice(4),
        [...figure.querySelectorAll('.spots > *')].map((spot) => spot.dataset.words)]))"""
    )
    path = found["path"] + found["path-others"]
    for loss, student in results.students.items():
        for key, kind in (("accuracy", "percent"), ("log_loss", "nats")):
            assert f"student, {loss}: {format_cell(student.scores[key], kind)}" in found["scores"]
        for key, kind in (("misfit", "nats"), ("residual", "signed")):
            assert f"{loss}: {key} {format_cell(getattr(student, key), kind)}" in found["gap"]
        assert f"{loss}: {format_cell(student.gap, 'nats')}" in found["gap"]
        last = student.path[-1]
        assert f"{loss}, epoch 20: accuracy {100 * last.accuracy:.1f}" in path
        for key in ("bias", "variance"):
            words = f"student, {loss}: {key} {format_cell(getattr(student, key), 'nats')}"
            assert words in found["bias-variance"]


def test_a_mark_shows_its_numbers_to_the_mouse_and_to_the_arrow_keys(plain, results):
    page, tip = plain.page, plain.page.locator("#tip")
    loss, first = next(iter(results.students.items()))
    words = f"student, {loss}: {format_cell(first.accuracy, 'percent')}"
    spot = page.locator(f'#fig-scores .spots > [data-words="{words}"]')
    spot.scroll_into_view_if_needed()
    spot.hover()
    sync_api.expect(tip).to_have_text(words)
    page.mouse.move(0, 0)
    sync_api.expect(tip).to_be_hidden()
    panel = page.locator("#fig-scores .plot").first
    panel.focus()
    count = panel.locator(".spots > *").count()
    said = []
    for _ in range(count):
        page.keyboard.press("ArrowRight")
        said.append(tip.text_content())
    assert words in said
    assert len(set(said)) == count
    page.keyboard.press("Escape")
    sync_api.expect(tip).to_be_hidden()


def test_marks_stand_where_their_numbers_are(plain, results):
    """The middle of a student's mark is to the axis as its number is to the ticks."""
    places = plain.page.evaluate(
        """() => { const panel = document.querySelector('#fig-scores .plot svg');
        const middle = (element) => { const box = element.getBoundingClientRect(); return box.left + box.width / 2; };
        const ticks = [...panel.querySelectorAll('text')].filter((t) => /^[0-9.]+$/.test(t.textContent.trim()));
        const spots = [...panel.querySelectorAll('.spots > *')];
        const words = spots.map((s) => [s.dataset.words, middle(s)]);
        return [ticks.map((t) => [Number(t.textContent), middle(t)]), words]; }"""
    )
    ticks, spots = np.array(places[0]), dict(places[1])
    slope, offset = np.polyfit(ticks[:, 1], ticks[:, 0], 1)
    for loss, student in results.students.items():
        at = spots[f"student, {loss}: {format_cell(student.accuracy, 'percent')}"]
        assert slope * at + offset == pytest.approx(100 * student.accuracy.mean, abs=0.3)  # text is set to whole pixels


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
    assert [float(v) for v in plain.column("gap, nats")] == pytest.approx(best_first[:25].tolist(), abs=1e-3)
    assert page.locator("#grid-ledger .status").inner_text() == f"1–25 of {len(labels)} points"

    button = page.locator("#grid-ledger th button", has_text="gap, nats")
    button.focus()
    page.keyboard.press("Enter")
    head = page.locator("#grid-ledger th", has_text="gap, nats")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(v) for v in plain.column("gap, nats")] == pytest.approx(best_first[::-1][:25].tolist(), abs=1e-3)
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"

    page.locator("#grid-ledger .pager button", has_text="next").focus()
    page.keyboard.press("Enter")
    assert [float(v) for v in plain.column("gap, nats")] == pytest.approx(best_first[25:50].tolist(), abs=1e-3)
    page.locator("#grid-ledger .pager button", has_text="previous").click()


def test_the_ledger_filters_by_keyboard_and_finds_text(plain):
    page = plain.page
    label = page.locator("#grid-ledger label", has_text="true class").locator("select")
    label.focus()
    page.keyboard.press("ArrowDown")
    assert set(plain.column("true class")) == {"class 0"}
    page.keyboard.press("ArrowUp")
    assert set(plain.column("true class")) == {"class 0", "class 1"}

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
    before, first = select.input_value(), plain.column("gap, nats")
    other = next(loss for loss in results.students if loss != before)
    select.select_option(other)
    assert plain.column("gap, nats") != first
    select.select_option(before)
    assert plain.column("gap, nats") == first


def test_points_say_what_is_true_what_both_said_and_who_is_right(plain):
    page = plain.page
    who = page.locator("#grid-ledger label", has_text="who is right").locator("select")
    who.select_option(label="student alone right")
    truth, teachers, students = (plain.column(name) for name in ("true class", "teachers say", "student says"))
    assert truth
    assert students == truth
    assert all(said != true for said, true in zip(teachers, truth, strict=True))
    who.select_option(label="all")


def test_figures_and_page_are_dark_where_that_is_asked_for(plain):
    page = plain.page

    def look():
        return page.evaluate(
            "[document.body, document.querySelector('#fig-scores .plot path[style*=\"--c0b3c8c\"]')]"
            ".map((at, k) => getComputedStyle(at)[k ? 'stroke' : 'backgroundColor'])"
        )

    def rgb(colour):
        return f"rgb({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))})"

    student = "#0b3c8c"
    light, dark = [rgb(PAPER), rgb(student)], [rgb(DARK_OF[PAPER]), rgb(DARK_OF[student])]
    assert look() == light
    button = page.locator("#theme")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert button.inner_text() == "Colours: dark"
    assert look() == dark
    page.keyboard.press("Enter")
    page.emulate_media(color_scheme="dark")
    assert look() == dark
    page.emulate_media(color_scheme="light")
    assert look() == light


OVERLAPS = """() => {
  const boxes = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('script, style, noscript, .hidden, .skip, .scroll, pre, select'))
      continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 1 && box.height > 1)
        boxes.push([box.left, box.top, box.right, box.bottom, node.textContent.trim()]);
  }
  boxes.sort((a, b) => a[1] - b[1]);
  const found = [];
  boxes.forEach((a, i) => {
    for (const b of boxes.slice(i + 1)) {
      if (b[1] > a[3]) break;
      const [wide, high] = [Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1])];
      if (wide > 2 && high > 4) found.push([a[4].slice(0, 60), b[4].slice(0, 60), wide, high]);
    }
  });
  const wider = [...document.querySelectorAll('main *')].filter((e) => !e.parentElement.closest('.scroll, pre, svg'))
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80));
  return [found, wider, document.documentElement.scrollWidth <= innerWidth];
}"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 800, 1400])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_on_another_and_nothing_is_wider_than_the_screen(page_of, kind, width):
    page = page_of(kind).page
    page.set_viewport_size({"width": width, "height": 900})
    overlaps, wider, fits = page.evaluate(OVERLAPS)
    page.set_viewport_size({"width": 1200, "height": 900})
    assert overlaps == []
    assert wider == []
    assert fits


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1400])
def test_the_first_screen_holds_verdict_bad_news_and_numbers(browser, folder_of, tmp_path, width):
    opened = Opened(browser, write_report([folder_of("plain")], tmp_path / "page.html"))
    page = opened.page
    page.set_viewport_size({"width": width, "height": 900})
    assert page.locator("details[open]").count() == 0
    first = page.evaluate(
        "[...document.querySelectorAll('.verdict h2, .bad-news h3, .tile-number')]"
        ".map((e) => e.getBoundingClientRect().bottom)"
    )
    assert len(first) >= 5
    # Of a phone, the verdict, the bad news and the first tiles; of a desktop, all.
    assert sum(bottom <= 900 for bottom in first) >= (3 if width == 400 else len(first))
    opened.context.close()


def test_a_page_weighs_less_than_2_megabytes_and_runs_little(plain):
    content = Path(plain.url.removeprefix("file://")).read_text(encoding="utf-8")
    assert len(content.encode()) < 2e6
    scripts = re.findall(r"<script>(.*?)</script>", content, flags=re.S)
    assert sum(map(len, scripts)) < 20_000


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
    text = opened.page.locator("main").text_content()
    assert "What to do next" in text
    for student in results.students.values():
        assert format_cell(student.accuracy, "percent") in text
    assert opened.page.locator("#fig-scores .spots title").count() > len(results.students)
    opened.context.close()


def axe_source():
    places = [ROOT / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
    return next((file for place in places if (file := place / "axe-core" / "axe.min.js").is_file()), None)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("kind", ["plain", "hostile", "comparison", "sweep"])
def test_axe_finds_no_fault(page_of, kind, width, scheme):
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not installed: npm install axe-core, here or in a folder named by NODE_PATH")
    page = page_of(kind).page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    page.set_viewport_size({"width": 1200, "height": 900})
    page.emulate_media(color_scheme="light")
    faults = [(fault["id"], fault["impact"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]
    assert faults == []
