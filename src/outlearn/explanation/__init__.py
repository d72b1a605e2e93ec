"""Explain predictions that are there already, from arrays or files: nothing is trained.

`measure` computes the parts (`parts`) of an `explanation`, `findings` and `text` put it into words, `files` writes it,
`command` is `outlearn explain`.
"""

from outlearn.explanation.measure import explain, smoothed
from outlearn.explanation.result import Explanation

__all__ = ["Explanation", "explain", "smoothed"]
