"""Weak labels for docs/will-my-student-beat-my-labeler.md: careless labelers, and labelers that are wrong together.

Two thousand made-up support tickets are billing, technical or account matters. Three labelers read them. The careless
ones misread a ticket now and then, each on its own. The wrong ones seldom do, but take every ticket about an invoice
file that will not open for a billing matter (it is technical), and every payment for a second user for one, too (it is
an account matter): all of them, every time.

    python weak_label_tables.py [FOLDER]

writes careless.csv and wrong.csv (id, text, three columns of labels) and true.csv: 200 tickets drawn at random with
their true label.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

TICKETS, CHECKED = 2000, 200
LABELERS = ("ann", "bob", "cy")
CLASSES = ("account", "billing", "technical")
MATTERS = {
    "account": [
        "cannot log in since the new password", "please delete my profile", "change the email address of my login",
        "add a colleague to our team", "my user name shows the wrong person", "reset the two factor code",
    ],
    "billing": [
        "was charged twice this month", "the refund has not arrived", "the card was declined",
        "need a receipt for the tax office", "the discount is missing from the price", "cancel the paid plan",
    ],
    "technical": [
        "the app crashes at start", "sync stops half way", "the page stays blank", "upload fails with an error",
        "search finds nothing", "notifications never arrive",
    ],
}  # fmt: skip
MISREAD = {
    "technical": ["the invoice file will not open", "the invoice download hangs"],
    "account": ["we paid for a second user who cannot join"],
}
OPENINGS = ["Hello,", "Hi team,", "Good morning,", "Urgent:", "Again:", ""]
PLACES = ["on my phone,", "in the browser,", "at the office,", "on the tablet,", "at home,", "since I moved,", ""]
DAYS = ["on Monday.", "this morning.", "since last week.", "as of today.", "again and again.", "for days.", "today."]
ENDINGS = ["Please help.", "Thanks!", "Any idea?", "This is the third time.", "Best regards", ""]
CARELESS, CAREFUL = 0.25, 0.05
MISREADABLE = 0.18


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    texts, true, misreadable = tickets(rng)
    write(folder / "careless.csv", texts, [misses(true, CARELESS, rng) for _ in LABELERS])
    read_as = np.where(misreadable, CLASSES.index("billing"), true)
    write(folder / "wrong.csv", texts, [misses(read_as, CAREFUL, rng) for _ in LABELERS])
    with (folder / "true.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label"])
        writer.writerows([f"t{i}", CLASSES[true[i]]] for i in sorted(rng.permutation(TICKETS)[:CHECKED].tolist()))


def tickets(rng: np.random.Generator) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Make texts, their true classes, and which of them the wrong labelers misread."""
    texts, true, misreadable = [], [], []
    seen: set[str] = set()
    while len(texts) < TICKETS:
        known = rng.random() >= MISREADABLE
        matters = MATTERS if known else MISREAD
        name = str(rng.choice(list(matters)))
        parts = (OPENINGS, matters[name], PLACES, DAYS, ENDINGS)
        text = " ".join(word for part in parts if (word := str(rng.choice(part))))
        if text in seen:  # no text comes twice: a student would know it
            continue
        seen.add(text)
        texts.append(text)
        true.append(CLASSES.index(name))
        misreadable.append(not known)
    return texts, np.array(true), np.array(misreadable)


def misses(answers: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Replace answers, at this rate, by one of the other classes."""
    other = (answers + rng.integers(1, len(CLASSES), len(answers))) % len(CLASSES)
    return np.where(rng.random(len(answers)) < rate, other, answers)


def write(path: Path, texts: list[str], labels: list[np.ndarray]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "text", *LABELERS])
        for i, text in enumerate(texts):
            writer.writerow([f"t{i}", text, *(CLASSES[row[i]] for row in labels)])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "weak_label_tables"))
