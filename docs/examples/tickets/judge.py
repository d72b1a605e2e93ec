"""For docs/tutorials/trust-your-judge.md: one labeler of tickets.csv alone, and somebody who knows the truth.

python judge.py                       writes judge.csv: id, text, and the labels of `llm` as those of `judge`
python judge.py LIST.csv LABELED.csv  fills in the true labels of a list, which you would do by hand
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: str, rows: list[dict[str, str]]) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if len(sys.argv) == 1:
    write("judge.csv", [{"id": row["id"], "text": row["text"], "judge": row["llm"]} for row in read("tickets.csv")])
else:
    source, target = sys.argv[1:]
    truth = {row["id"]: row["label"] for row in read("truth.csv")}
    write(target, [{**row, "label": truth[row["id"]]} for row in read(source)])
