"""The command line. One file a command; `main` is what a shell starts.

Exit codes: 0 success, 1 a task failed or a checked claim does not hold, 2 bad input (one line an error), 130
interrupted, 141 the reader of the output has gone (SIGPIPE), 143 terminated.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import warnings
from types import FrameType

__all__ = ["main"]

STDOUT = 1
SIGPIPE = 13  # not in `signal` on every system
NEW_OBJECTS = 20_000  # after so many Python looks for circles of objects, not after 700: 30 times a run, not 660 times
KEPT = "What is complete is kept; the same command goes on from there."


def main() -> None:
    """Run the command line; turn every error that a user's input caused into one line and exit code 2."""
    gc.set_threshold(NEW_OBJECTS)
    # Nor does it look for them among 300,000 objects before it ends, which takes half a second where torch is loaded.
    atexit.register(gc.freeze)
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminated)
        # Here, so that Ctrl-C while modules are read is answered like any other.
        from outlearn.cli.app import app
        from outlearn.errors import MissingExtraError, OutlearnError, WorkerError

        warnings.showwarning = lambda message, *_, **__: print(f"outlearn: note: {message}", file=sys.stderr)
        try:
            try:
                app()
            finally:
                if sys.stdout is not None:  # closed by the shell
                    sys.stdout.flush()  # here and not at exit, so that a reader who has gone is noticed
        except SystemExit as ended:
            if isinstance(ended.__context__, BrokenPipeError):  # Typer's answer to it is exit code 1
                raise ended.__context__ from None
            # Typer answers Ctrl-C by the exit code alone: before a command has begun, nobody else says a word.
            if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
        except OutlearnError as error:
            for line in str(error).splitlines():
                print(f"outlearn: error: {line}", file=sys.stderr)
            # A worker that fails is no mistake in the input.
            sys.exit(1 if isinstance(error, WorkerError) else 2)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "torch":
                raise
            print(f"outlearn: error: {MissingExtraError('torch', 'train')}", file=sys.stderr)
            sys.exit(2)
        except BrokenPipeError:
            raise
        except OSError as error:  # a name that is too long, too many open files, an output that is full
            where = f"{str(error.filename)[:200]!r} cannot be used" if error.filename else "the system refused"
            print(f"outlearn: error: {where}: {error.strerror or error}. Check paths and the disk.", file=sys.stderr)
            sys.exit(2)
    except KeyboardInterrupt:
        print(f"outlearn: stopped. {KEPT}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone: as SIGPIPE ends other programs, without a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        sys.exit(128 + SIGPIPE)


def _terminated(number: int, frame: FrameType | None) -> None:
    """Say that the system ends this program, and end it as Ctrl-C does: workers too, and nothing half written stays."""
    print(f"outlearn: ended by SIGTERM. {KEPT}", file=sys.stderr, flush=True)
    sys.exit(128 + number)
