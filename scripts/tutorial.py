"""Write docs/tutorial.md and docs/models.md by running their commands.

usage: tutorial.py [--check] [PAGE …]

With --check nothing is written: it fails if the outcome of a command differs from the page.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from typed import OtherStory, Typist, settled

ROOT = Path(__file__).parents[1]
PAGES = ("tutorial", "models")


def main() -> int:
    named = [word for word in sys.argv[1:] if word != "--check"]
    return max(typed(name, check="--check" in sys.argv) for name in named or PAGES)


def typed(name: str, *, check: bool) -> int:
    """Type a page; returns the exit code."""
    template = (ROOT / "scripts" / "pages" / f"{name}.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            page = Typist(Path(folder).resolve()).page(template)
        except OtherStory as error:
            print(f"another story: {error}")
            return 1
    return settled(page, ROOT / "docs" / f"{name}.md", "make tutorial", check=check)


if __name__ == "__main__":
    sys.exit(main())
