"""What was found, typed: written and read here and nowhere else.

A `Measurement` is an `Interval`, or `Withheld` with the reason why there is no number. Records are frozen; whoever
draws or prints them asks their fields and computes nothing again.
"""

from outlearn.results.explanation import Explanation, load_explanation
from outlearn.results.measurement import Withheld
from outlearn.results.preflight import Preflight, load_preflight

__all__ = ["Explanation", "Preflight", "Withheld", "load_explanation", "load_preflight"]
