"""`outlearn store`: ls, verify, gc."""

from __future__ import annotations

import typer

from outlearn.cli.options import StoreOption

__all__ = ["store_gc", "store_ls", "store_verify"]


def store_ls(store: StoreOption = None) -> None:
    """List the stored stages.

    Examples:

    \b
        outlearn store ls --store .outlearn
    """
    from outlearn.store.store import Store, default_store

    for folder, meta in Store(store or default_store(), existing=True).entries():
        if meta is None:
            print(f"{folder.name[:12]}  damaged: run `outlearn store verify`")
        else:
            size = sum(path.stat().st_size for path in folder.iterdir())
            print(
                f"{folder.name[:12]}  {meta['stage']:<17} {size / 1e6:8.1f} MB  {meta['seconds']:8.1f} s  "
                f"{meta['created']}"
            )


def store_verify(store: StoreOption = None) -> None:
    """Check every entry against its hashes; set damaged ones aside. Exit with 1 if any is, or is unreadable.

    Examples:

    \b
        outlearn store verify
    """
    from outlearn.store.store import Store, default_store

    checked = list(Store(store or default_store(), existing=True).verify())
    for each in checked:
        if each.failed:
            print(f"{each.folder.name}  {each.failed}")
        elif each.damage:
            print(f"{each.folder.name}  {each.damage}; set aside, and computed again when it is needed")
    damaged = sum(each.damage is not None for each in checked)
    unread = sum(each.damage is None and each.failed is not None for each in checked)
    print(f"{len(checked)} entries, {damaged} damaged" + (f", {unread} not checked" if unread else ""))
    if damaged or unread:
        raise typer.Exit(1)


def store_gc(store: StoreOption = None) -> None:
    """Remove what no run can use: left-over temporary folders and damaged entries.

    Examples:

    \b
        outlearn store gc
    """
    from outlearn.store.store import Store, default_store

    found = Store(store or default_store(), existing=True).gc()
    for folder in found.removed:
        print(f"removed {folder}")
    for folder, reason in found.kept.items():
        print(f"kept {folder}: {reason}")
    print(f"{len(found.removed)} folders removed" + (f", {len(found.kept)} not" if found.kept else ""))
    if found.kept:
        raise typer.Exit(1)
