"""Draw docs/figures/real_capacity_distance.svg from a folder of `outlearn theory real-capacity`.

outlearn theory real-capacity --out runs/real-capacity
python docs/figures/real_capacity.py runs/real-capacity
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from outlearn.report.paper_figures import write_figures
from outlearn.report.theory_real_capacity import capacity_figure
from outlearn.results.theory import read_theory


def main(folder: str) -> None:
    """Draw the first figure of the page."""
    (result,) = read_theory(Path(folder))
    name = "real_capacity_distance.svg"
    with TemporaryDirectory() as made:
        write_figures({Path(name).stem: capacity_figure(result).chart}, Path(made))
        Path(__file__).with_name(name).write_bytes((Path(made) / name).read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
