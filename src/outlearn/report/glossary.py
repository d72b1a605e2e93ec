"""The words of the field that pages use, each with a sentence that explains it where it stands."""

from __future__ import annotations

import re
from types import MappingProxyType

from markupsafe import Markup, escape

__all__ = ["WORDS", "Words"]

WORDS = MappingProxyType(
    {
        "misfit": "How far a student's answers are from those of the labeler it learned from, as a divergence; 0 would "
        "be a perfect copy.",
        "residual": "What is left of the gain in risk when the misfit is taken off; 0 on average where the student is "
        "its labeler's posterior mean.",
        "crossed misfit": "The misfit to labelers that did not label the student.",
        "overfit covariance": "Crossed misfit less misfit: how much of the accidental errors of its own labeler "
        "a student has copied.",
        "posterior mean": "The mean of what the labelers say, given what the student says: the student that copies "
        "no accident.",
        "dual mean": "A mean of predictions in the coordinates of the divergence; for log loss the geometric mean of "
        "probabilities, normalised.",
        "nats": "The unit of information with natural logarithms; 0.693 nats are one bit.",
        "PGR": "Performance gap recovered: (student - teacher) / (ceiling - teacher), in accuracy; of numbers "
        "(teacher - student) / (teacher - ceiling), in risk. 1 would be as good as true labels.",
        "ceiling": "The student's model trained on the true labels of the points that students learned weak labels of.",
        "log loss": "Minus the logarithm of the probability given to the true class, on average; less is better.",
        "AUROC": "The chance that a point of one class scores above a point of the other.",
        "ECE": "Expected calibration error: how far confidence is from being right as often, on average.",
        "Holm's correction": "A stricter test for several comparisons at once, so that a false one among them is as "
        "rare as in one.",
        "consensus with the pool": "How far a candidate agrees with the other candidates beyond chance: Cohen's kappa, "
        "on average.",
        "forward_ce": "Forward cross-entropy, - sum t log s, t the teacher's and s the student's probabilities: what "
        "everybody uses.",
        "reverse_ce": "Reverse cross-entropy, - sum s log t, t the teacher's and s the student's probabilities.",
        "true-label equivalent": "The number of true labels on which the student's model would do as well as it does "
        "with the weak labels.",
        "Dawid-Skene": "A way to combine labelers by an estimated confusion matrix of each (Dawid and Skene 1979).",
        "jackknife": "A correction for few models: each is left out in turn.",
        "bias": "The part of the risk that averaging over teachers cannot remove.",
        "variance": "The part of the risk that averaging over teachers removes.",
        "shared answer": "What labelers of a point agree on but for accidents: what ever more of them would vote for.",
        "shared bias": "How often the shared answer is itself wrong; only true labels tell.",
        "stratum": "Points of which truth is about as uncertain; true labels are drawn from each and weighted.",
        "Rogan-Gladen": "A rate corrected by how often labels say it where it is true and where it is not (1978).",
        "paired": "Both are measured on the same points, and the differences point by point are averaged.",
    }
)
"""Word -> what it means, for a reader from another field."""


class Words:
    """Mark the words of a page that need explaining, and remember which it used."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        names = sorted(WORDS, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])", re.IGNORECASE)
        self._of = {name.lower(): name for name in WORDS}

    def marked(self, text: str) -> Markup:
        """Escape a text; the first time it uses a word, the word links to its explanation, which is its title too."""
        parts, end, seen = [], 0, set()
        for found in self._pattern.finditer(text):
            name = self._of[found.group().lower()]
            parts.append(escape(text[end : found.start()]))
            end = found.end()
            if name in seen:
                parts.append(escape(found.group()))
                continue
            seen.add(name)
            self._used.add(name)
            anchor = f'<a class="word" href="#{self.anchor(name)}" title="{escape(WORDS[name])}">'
            parts.append(Markup(f"{anchor}{escape(found.group())}</a>"))
        return Markup("").join([*parts, escape(text[end:])])

    def used(self) -> list[tuple[str, str, str]]:
        """Return anchor, word and explanation of every word that was marked, by the alphabet."""
        return [(self.anchor(name), name, WORDS[name]) for name in sorted(self._used, key=str.lower)]

    @staticmethod
    def anchor(name: str) -> str:
        """Return the id of a word's explanation."""
        return "word-" + re.sub(r"\W+", "-", name.lower())
