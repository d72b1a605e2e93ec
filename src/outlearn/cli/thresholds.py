"""What `--fail-below` prints, and the exit code that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from outlearn.results.gates import GateOutcome

__all__ = ["exit_by"]


def exit_by(outcomes: Sequence[GateOutcome]) -> None:
    """Print how every threshold came out, and leave with exit code 1 if one failed."""
    if outcomes:
        print("\n" + "\n".join(outcome.sentence for outcome in outcomes))
    if not all(outcome.passes for outcome in outcomes):
        raise typer.Exit(1)
