"""What docs/predict.md tells a reader to type works as it stands, on a run on small data."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from tests.programs import Cli
from tests.student.runs import SMALL, write_films

from outlearn.data.row_chunks import row_chunks
from outlearn.experiment.load_config import load_config
from outlearn.student.kept import FLAGS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "predict.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.medium
def test_what_the_page_types_works(cli: Cli, tmp_path: Path):
    data = write_films(tmp_path / "films.jsonl")
    config = load_config(overrides=[f"data.path={data}", *SMALL])
    (tmp_path / "films.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    (tmp_path / "new.csv").write_text("id,text\na,a warm film\nb,\n")
    (tmp_path / "models").mkdir()
    for block in blocks("sh"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "outlearn"
            code, _, err = cli(*arguments)
            assert code == 0, err
    (answers,) = row_chunks(tmp_path / "answers.csv")
    assert list(answers) == ["id", "label", "p_bad", "p_good", "flag"]
    assert answers["flag"][1] == "empty"
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)


def test_the_page_names_every_flag():
    assert re.findall(r"^\| `(\w+)` \| ", PAGE.split("## Where not")[1].split("##")[0], re.MULTILINE) == list(FLAGS)
