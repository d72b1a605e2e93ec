"""Pages of the site that lie outside of docs/: the README is its first page, and the changelog and others follow.

mkdocs calls the functions here by their names (`hooks` in mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}}
# A link of a page at the root, as it must be where all pages lie in docs/.
MOVED = (
    (re.compile(r"(\]\(|src=\"|srcset=\")docs/"), r"\1"),
    (re.compile(r"\]\(README\.md"), "](index.md"),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, with their links as the site needs them."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        for pattern, replacement in MOVED:
            text = pattern.sub(replacement, text)
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Let links to those pages lead to where the site has them: a page at the root lies one folder nearer there."""
    return re.sub(r"\]\(\.\./((?:\.\./)*(?:CHANGELOG|CONTRIBUTING|SECURITY)\.md)", r"](\1", markdown)
