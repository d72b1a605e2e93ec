"""Make `.venv` with everything the demo and the tests need, from a bare Python 3.11 or newer.

Standard library only: this is what `make` runs first on a fresh machine. Steps, each skipped when its result stands:

1. a virtual environment;
2. torch by itself, so that no CUDA build (several GB) is fetched where a CPU build will do: a wheel that pip is already
   pointed at (find-links), else the CPU index that uv knows by name, else whatever the default index serves;
3. every other package at the exact version and hash of `requirements.lock`, without looking at dependencies again;
4. outlearn itself, editable;
5. `pip check`.

A stamp of the inputs makes a second run take well under a second.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = (ROOT / "tools" / "torch.txt").read_text().strip()
INPUTS = ("pyproject.toml", "requirements.lock", "tools/bootstrap.py", "tools/torch.txt")


def stamp_of_inputs() -> str:
    """Hash what the environment is made from, with the Python that makes it and the place it lies in."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def pip(python: Path, *arguments: str, required: bool = True) -> bool:
    """Run pip quietly; show what it said only when a required step fails."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and required:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise SystemExit(f"bootstrap: '{' '.join(command[1:])}' failed with code {done.returncode}.")
    return done.returncode == 0


def install_torch(python: Path) -> str:
    """Install torch from the first source that has it; return which one that was."""
    if pip(python, "install", "--no-compile", "--no-index", "--no-deps", TORCH, required=False):
        return "a local wheel"
    if pip(python, "install", "--no-compile", "uv>=0.7", required=False):
        uv = [str(python), "-m", "uv", "pip", "install", "--python", str(python)]
        uv += ["--no-deps", "--torch-backend", "cpu", TORCH]
        if subprocess.run(uv, capture_output=True, check=False).returncode == 0:
            return "the CPU index"
    pip(python, "install", "--no-compile", TORCH)
    return "the default index"


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 (this runs before any version check of pip's)
        found = sys.version.split()[0]
        raise SystemExit(f"outlearn needs Python 3.11 or newer; this is {found}. Run: make PYTHON=python3.11")
    environment = Path(os.environ.get("OUTLEARN_VENV", ROOT / ".venv"))
    python = environment / "bin" / "python"
    stamp = environment / "outlearn.stamp"
    wanted = stamp_of_inputs()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return

    def say(text: str) -> None:
        print(f"[set-up] {text}", file=sys.stderr, flush=True)

    say(f"making {environment.name} (about 3 minutes, once)")
    stamp.unlink(missing_ok=True)
    if not python.exists():
        venv.create(environment, with_pip=True)
    say(f"installed torch from {install_torch(python)}")
    lock = str(ROOT / "requirements.lock")
    pip(python, "install", "--no-compile", "--no-deps", "--require-hashes", "-r", lock)
    say("installed the locked packages")
    pip(python, "install", "--no-compile", "hatchling", "editables")
    pip(python, "install", "--no-compile", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    pip(python, "check")
    stamp.write_text(wanted)
    say("ready")


if __name__ == "__main__":
    main()
