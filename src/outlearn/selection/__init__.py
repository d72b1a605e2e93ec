"""Choose a student without true labels: whose labels, which candidates, at which class shares, how many together.

labelers (who is compared, whom the answer learns from) -> candidates (what may be chosen) -> train (all of them, for
all labelings) -> choose (by label-free criteria, in `core.students.criteria`) -> answer (the best twenty together; with
a few true labels: true_labels, and taught for what more of them would bring) -> doubts (where assumptions look broken).
Why it works, what it assumes and where it failed: docs/auto.md.
"""

from __future__ import annotations

from outlearn.selection.answer import Answer, fit_answer
from outlearn.selection.candidates import Candidate, DiscriminantCandidate, HeadCandidate, default_candidates
from outlearn.selection.choice import Choice
from outlearn.selection.choose import choose
from outlearn.selection.class_shares import ClassShares
from outlearn.selection.doubts import doubts
from outlearn.selection.labelers import Labelings, check_labelers, selection_labelings
from outlearn.selection.taught import Taught, Teaching
from outlearn.selection.train import Learned, fit_candidates
from outlearn.selection.true_label_answer import fit_answer_with_true_labels
from outlearn.selection.true_labels import TrueLabels

__all__ = [
    "Answer", "Candidate", "Choice", "ClassShares", "DiscriminantCandidate", "HeadCandidate", "Labelings", "Learned",
    "Taught", "Teaching", "TrueLabels", "check_labelers", "choose", "default_candidates", "doubts", "fit_answer",
    "fit_answer_with_true_labels", "fit_candidates", "selection_labelings",
]  # fmt: skip
