"""How far the results of two runs of one configuration are apart: of each number, and of all that is not one.

For a change that is meant to make a run faster and to leave its numbers alone. Keys, seconds and stages are not
compared. Prints one JSON line; differences are relative to the larger of the number and 1. Exit code 1: something that
is no number differs.

    python benchmarks/same_numbers.py RUN OTHER
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ASIDE = ("outlearn", "config_key", "seconds", "stages", "files")
ROUNDING = "identity_error"  # is rounding itself


def main() -> None:
    """Print the line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, nargs=2)
    first, second = (dict(leaves(read(folder))) for folder in parser.parse_args().runs)
    numbers = [key for key, value in first.items() if isinstance(value, float) and isinstance(second.get(key), float)]
    others = [key for key in first.keys() | second.keys() if key not in set(numbers)]
    differ = sorted(key for key in others if key not in first or key not in second or first[key] != second[key])
    compared = [key for key in numbers if not key.endswith(ROUNDING)]
    apart = {key: abs(first[key] - second[key]) / max(1.0, abs(first[key])) for key in compared}
    worst = max(apart, key=apart.__getitem__)
    line = {"numbers": len(compared), "equal": sum(value == 0 for value in apart.values()), "largest": apart[worst]}
    print(json.dumps({**line, "where": worst, "others": len(others), "that differ": differ}))
    sys.exit(1 if differ else 0)


def read(folder: Path) -> dict[str, Any]:
    """Read what a run found."""
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key not in ASIDE}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that holds no others, with the way to it."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


if __name__ == "__main__":
    main()
