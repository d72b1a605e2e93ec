"""`outlearn init`: what it writes is a configuration that runs, for the table at hand or as an example."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.experiment.test_one_table import HEADER, rows, write, write_annotations
from tests.programs import Cli

from outlearn.data.label_columns import LabelColumns
from outlearn.errors import DataError
from outlearn.experiment.load_config import check_config, load_config
from outlearn.experiment.starting_config import example_config, example_names, starting_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize("kind", ["labelers", "annotations", "labels", "nothing"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_written_for_a_table_is_the_run_of_that_table(kind, tmp_path):
    path: Path | None = tmp_path / "data.csv"
    columns = None
    if kind == "annotations":
        write_annotations(path)
    elif kind == "labels":
        columns = LabelColumns(labelers=[])
        write(path, rows(gaps=False, n_true=300), HEADER)
    elif kind == "labelers":
        write(path, rows())
    else:
        path = None
    expected = load_config(path, columns=columns)
    text = starting_config(path, columns=columns)
    assert check_config(yaml.safe_load(text)).data == expected.data
    assert check_config(yaml.safe_load(text)).student == expected.student
    assert all("#" in line or ":" in line or not line for line in text.splitlines())


def test_a_table_that_is_not_there_gets_no_configuration(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        starting_config(tmp_path / "tikcets.csv")


def test_every_configuration_comes_along_as_an_example():
    files = {f"{path.parent.name}/{path.stem}": path for path in CONFIGS.glob("*/*.yaml")}
    assert set(example_names()) == set(files)
    for name, path in files.items():
        assert example_config(name) == path.read_text()


@pytest.mark.filterwarnings("default")
def test_the_command_writes_a_file_once_and_never_over_another(cli: Cli, tmp_path):
    write(tmp_path / "tickets.csv", rows())
    code, out, err = cli("init", "tickets.csv")
    assert code == 0, err
    assert "outlearn run outlearn.yaml" in out
    assert "the labelers are llm, ann" in err
    before = (tmp_path / "outlearn.yaml").read_text()
    code, _, err = cli("init")
    assert code == 2
    assert "give another --out" in err
    assert (tmp_path / "outlearn.yaml").read_text() == before
    assert cli("init", "--out", "other.yaml")[0] == 0  # as the error advises
    assert cli("init", "--example", "sweeps/offlin", "--out", "-")[2].count('Did you mean "sweeps/offline"') == 1
    assert cli("init", "--example", "sweeps/offline", "--out", "-")[1] == (CONFIGS / "sweeps/offline.yaml").read_text()
    assert "burns/sciq" in cli("init", "--list")[1]
