"""Write docs/tutorial.md, docs/models.md and docs/elsewhere.md by running their commands.

usage: tutorial.py [--check] [PAGE …]

With --check nothing is written: it fails if the outcome of a command differs from the page. A page
is not typed again if nothing that it depends on has changed: it ends with a digest of that.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from typed import OtherStory, Typist, settled, stamp

ROOT = Path(__file__).parents[1]
PAGES = ("tutorial", "models", "elsewhere")


def main() -> int:
    named = [word for word in sys.argv[1:] if word != "--check"]
    return max(typed(name, check="--check" in sys.argv) for name in named or PAGES)


def typed(name: str, *, check: bool) -> int:
    """Type a page; returns the exit code."""
    source, file = (ROOT / place / f"{name}.md" for place in ("scripts/pages", "docs"))
    recorded = f"\n{stamp(Path(__file__), source)}\n"
    if check and file.read_text(encoding="utf-8").endswith(recorded):
        print(f"{file.name}: nothing that it depends on has changed since it was recorded")
        return 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            page = Typist(Path(folder).resolve()).page(source.read_text(encoding="utf-8"))
        except OtherStory as error:
            print(f"another story: {error}")
            return 1
    return settled(f"{page}{recorded}", file, "make tutorial", check=check)


if __name__ == "__main__":
    sys.exit(main())
