"""`outlearn store`: ls, verify, gc."""

from __future__ import annotations

import typer

from outlearn.cli.options import StoreOption

__all__ = ["store_gc", "store_ls", "store_verify"]


def store_ls(store: StoreOption = None) -> None:
    """List the stored stages."""
    from outlearn.store.store import Store, default_store

    for folder, meta in Store(store or default_store(), existing=True).entries():
        if meta is None:
            print(f"{folder.name[:12]}  damaged: run `outlearn store verify`")
        else:
            size = sum(path.stat().st_size for path in folder.iterdir())
            print(
                f"{folder.name[:12]}  {meta['stage']:<12} {size / 1e6:8.1f} MB  {meta['seconds']:8.1f} s  "
                f"{meta['created']}"
            )


def store_verify(store: StoreOption = None) -> None:
    """Check every entry against its hash; set damaged ones aside and exit with 1 if there are any."""
    from outlearn.store.store import Store, default_store

    problems = 0
    checked = 0
    for folder, problem in Store(store or default_store(), existing=True).verify():
        checked += 1
        if problem:
            problems += 1
            print(f"{folder.name}  {problem}; set aside, and computed again when it is needed")
    print(f"{checked} entries, {problems} damaged")
    if problems:
        raise typer.Exit(1)


def store_gc(store: StoreOption = None) -> None:
    """Remove what no run can use: left-over temporary folders and damaged entries."""
    from outlearn.store.store import Store, default_store

    removed = Store(store or default_store(), existing=True).gc()
    for folder in removed:
        print(f"removed {folder}")
    print(f"{len(removed)} folders removed")
