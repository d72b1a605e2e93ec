"""Label sentences of film reviews, and pairs of dialogues, with 14 prompts of SmolLM2: tables for preflight_votes.py.

    python benchmarks/prompt_tables.py sst2 FOLDER --out sst2.csv        # FOLDER holds test.txt: label, blank, sentence
    python benchmarks/prompt_tables.py helpful FOLDER --out helpful.csv  # FOLDER holds test.jsonl: chosen, rejected

The prompts were written down before any answer was seen, and not changed afterwards; their calibration is the default.
The rows are drawn at random: of pairs, from those of one question, short ones, and
which reply is called `first` is drawn too. The column `truth` is what people said.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from outlearn.labeling.label_file import label_file
from outlearn.labeling.options import prompt_learner, read_classes
from outlearn.progress_bars import Bars
from outlearn.store.store import Store, default_store

SENTENCES, PAIRS = 600, 250
MOST_WORDS = 45  # of both dialogues of a pair together
OF_SENTENCES = (
    "Review: {text}\nThe film is",
    "{text}\n\nTo sum up, it was",
    '"{text}" The critic found the film',
    "{text} All in all, the movie was",
    "Sentence of a review: {text}\nQuality of the film:",
    "A critic wrote: {text}\nThe critic thinks that the movie is",
    "{text}\nQuestion: is the film good or bad?\nAnswer:",
    "Movie review: {text}\nRating:",
    '"{text}"\nIn one word, the movie was',
    "{text}\nI would call this movie",
    "Read this: {text}\nThe writer says that the film is",
    "Film critics at work.\n\n{text}\n\nVerdict:",
    "{text}\nMy friend asked how the film was. I said it was",
    "The newspaper says: {text}\nSo the film must be",
)
OF_PAIRS = (
    "A: {a}\n\nB: {b}\n\nWhich is better, A or B? The better one is",
    "Dialogue A:{a}\n\nDialogue B:{b}\n\nThe assistant is more helpful in dialogue",
    "Two answers of an assistant.\n\nA:{a}\n\nB:{b}\n\nThe more helpful answer is",
    "A){a}\n\nB){b}\n\nMost people would prefer",
    "First look at A.{a}\n\nNow look at B.{b}\n\nThe winner is",
    "Conversation A:{a}\n\nConversation B:{b}\n\nThe user is happier with conversation",
    "A:{a}\n\nB:{b}\n\nQuestion: which assistant helps more, A or B?\nAnswer:",
    "Option A:{a}\n\nOption B:{b}\n\nI choose option",
    "Rate two replies.\n\nReply A:{a}\n\nReply B:{b}\n\nBest reply:",
    "[A]{a}\n\n[B]{b}\n\nThe judge gave the prize to",
    "Chat A:{a}\n\nChat B:{b}\n\nThe reply is clearer in chat",
    "A:{a}\n\nB:{b}\n\nThe one that answers the question best is",
    "Text A:{a}\n\nText B:{b}\n\nThe higher quality text is",
    "Sample A:{a}\n\nSample B:{b}\n\nExperts agreed that the better sample is",
)


def sentences(folder: Path) -> list[dict[str, str]]:
    lines = [line.split(" ", 1) for line in (folder / "test.txt").read_text(encoding="utf-8").splitlines()]
    drawn = np.random.default_rng(0).permutation(len(lines))[:SENTENCES]
    return [{"text": lines[i][1], "truth": ("negative", "positive")[int(lines[i][0])]} for i in drawn]


def pairs(folder: Path) -> list[dict[str, str]]:
    rng = np.random.default_rng(0)
    read = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    short = [
        (each["chosen"], each["rejected"])
        for each in read
        if each["chosen"].count("Human:") == 1
        and len(f"{each['chosen']} {each['rejected']}".split()) <= MOST_WORDS
        and each["chosen"].strip() != each["rejected"].strip()
    ]
    found = []
    for i in rng.permutation(len(short))[:PAIRS]:
        swapped = bool(rng.integers(2))
        first, second = short[i][::-1] if swapped else short[i]
        found.append({"first": first, "second": second, "truth": "rejected" if swapped else "chosen"})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("sst2", "helpful"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--prompts", type=int, help="the first so many")
    options = parser.parse_args()
    of_pairs = options.kind == "helpful"
    rows = (pairs if of_pairs else sentences)(options.folder)[: options.rows]
    names, words = read_classes(None if of_pairs else "{negative: ' bad', positive: ' good'}", pairs=of_pairs)
    with TemporaryDirectory() as place, Bars() as bars:
        table = Path(place) / "table.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        done = label_file(
            table,
            class_names=names,
            learner=lambda _: prompt_learner(
                names,
                model=["smollm2"],
                templates=(OF_PAIRS if of_pairs else OF_SENTENCES)[: options.prompts],
                words=words,
                shares=None,
            ),
            out=options.out,
            store=Store(default_store()),
            pair_columns=("first", "second") if of_pairs else None,
            progress=bars,
        )
    print(done)


if __name__ == "__main__":
    main()
