"""Explain predictions that are there already, from arrays or files: nothing is trained.

`measure` computes an `outlearn.results.explanation.Explanation`; `explain_files` reads files, prints and writes it.
"""

from outlearn.explanation.measure import PointwiseExplanation, explain, smoothed

__all__ = ["PointwiseExplanation", "explain", "smoothed"]
