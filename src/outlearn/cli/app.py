"""The commands: parse, call, print. Nothing here computes, and nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from outlearn.cli.doctor import doctor
from outlearn.cli.explain import explain
from outlearn.cli.init import init
from outlearn.cli.label import label
from outlearn.cli.predict import predict
from outlearn.cli.preflight import preflight
from outlearn.cli.report import report
from outlearn.cli.run import run
from outlearn.cli.store import store_gc, store_ls, store_verify
from outlearn.cli.sweep import sweep
from outlearn.cli.theory import theory

__all__ = ["app"]

app = typer.Typer(
    name="outlearn",
    help="Train students that outlearn their teachers, and say why.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="Look after the store of trained stages.", no_args_is_help=True, rich_markup_mode=None)
app.command()(run)
app.command()(predict)
app.command()(sweep)
app.command()(label)
app.command()(init)
app.command()(doctor)
app.command()(preflight)
app.command()(explain)
app.command()(theory)
app.command()(report)
app.add_typer(store_app, name="store")
store_app.command("ls")(store_ls)
store_app.command("verify")(store_verify)
store_app.command("gc")(store_gc)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        from outlearn.version import __version__

        print(__version__)
        raise typer.Exit
