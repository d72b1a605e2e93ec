"""Build the source distribution and the wheel into dist/, from what is committed, and check them.

    python tools/build_distributions.py [URL]

Links and pictures of the README lead to files beside it. On a package index there are none, so that with the URL of the
repository, such as `https://github.com/NAME/outlearn`, they lead to the files of this version there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from outlearn.version import __version__

__all__ = ["with_absolute_links"]

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!https?://|#)(?P<target>[^)\s]+)\)")


def with_absolute_links(text: str, url: str, version: str) -> str:
    """Let links of a page at the root lead to the repository's files of a version, and pictures to the raw ones."""

    def absolute(found: re.Match[str]) -> str:
        kind = "raw" if found["picture"] else "blob"
        return f"{found['picture']}[{found['text']}]({url.rstrip('/')}/{kind}/v{version}/{found['target']})"

    return LINK.sub(absolute, text)


def main(url: str | None = None) -> None:
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", source], cwd=ROOT, check=True)
        try:
            if url is not None:
                readme = source / "README.md"
                readme.write_text(with_absolute_links(readme.read_text(encoding="utf-8"), url, __version__))
            for target in ("sdist", "wheel"):
                build = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", dist]
                subprocess.run(build, cwd=source, check=True)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", source], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
