"""Choose a student without true labels: which loss, how long, how regularised, how many rounds of self-distillation.

candidates (what may be chosen) -> train (all of them, for all labelers) -> criteria (label-free measures of each, in
`core.criteria`) -> choose. Why a criterion works, what it assumes and where it failed: docs/auto.md.
"""

from __future__ import annotations

from outlearn.selection.candidates import Candidate, default_candidates
from outlearn.selection.choice import Choice
from outlearn.selection.choose import choose
from outlearn.selection.labelers import check_labelers, selection_labelers
from outlearn.selection.train import fit_candidates, fit_chosen

__all__ = [
    "Candidate",
    "Choice",
    "check_labelers",
    "choose",
    "default_candidates",
    "fit_candidates",
    "fit_chosen",
    "selection_labelers",
]
