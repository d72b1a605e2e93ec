"""Explain predictions that are there already, from arrays or files: nothing is trained.

`measure` computes the parts (`parts`) of an `explanation`, `findings` and `text` put it into words, `files` writes it,
`command` is `outlearn explain`.
"""

from outlearn.experiment.explain.explanation import Explanation
from outlearn.experiment.explain.measure import explain, smoothed

__all__ = ["Explanation", "explain", "smoothed"]
