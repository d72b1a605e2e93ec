"""Figures for a paper: the same marks as on the page, as SVG and PDF, one column wide, the same bytes twice."""

import re

import pytest

from outlearn.errors import StoreError
from outlearn.report.html import write_report
from outlearn.report.paper_figures import write_figures
from outlearn.report.run_page import run_figures
from outlearn.results.run_folder import load_run

COLUMN_POINTS = 3.35 * 72


@pytest.fixture(scope="module")
def figures(folder_of):
    return run_figures(load_run(folder_of("plain")))


@pytest.fixture(scope="module")
def charts(figures):
    return {key: figure.chart for key, figure in figures.items()}


@pytest.mark.slow
def test_every_figure_of_the_page_is_drawn_as_svg_and_pdf_one_column_wide(charts, tmp_path):
    files = write_figures(charts, tmp_path)
    assert {path.name for path in files} == {f"{key}.{kind}" for key in charts for kind in ("svg", "pdf")}
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".pdf":
            assert content.startswith(b"%PDF-")
        else:
            width = float(re.search(rb'<svg[^>]*width="([\d.]+)pt"', content).group(1))
            assert width <= 2.2 * COLUMN_POINTS
            assert b"<text" in content, "text stays text, to be searched and copied"


@pytest.mark.slow
def test_the_same_chart_gives_the_same_bytes(charts, tmp_path):
    chosen = {"gap": charts["gap"]}
    first = {path.name: path.read_bytes() for path in write_figures(chosen, tmp_path / "a")}
    assert {path.name: path.read_bytes() for path in write_figures(chosen, tmp_path / "b")} == first


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
def test_hostile_text_is_drawn_as_text(folder_of, tmp_path):
    folder = folder_of("hostile")
    write_report([folder], tmp_path / "page.html", figures=tmp_path / "figures")
    for path in (tmp_path / "figures").glob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in (tmp_path / "figures" / "scores.svg").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(charts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--figures"):
        write_figures({"gap": charts["gap"]}, tmp_path / "file" / "below")
