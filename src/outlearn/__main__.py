"""`python -m outlearn` is `outlearn`, where a shell does not find that."""

from __future__ import annotations

from outlearn.cli import main

if __name__ == "__main__":
    main()
