"""Write docs/tutorial.md by running its commands.

usage: tutorial.py [--check]

With --check nothing is written: it fails if the outcome of a command differs from the page.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from typed import OtherStory, Typist, settled

ROOT = Path(__file__).parents[1]
PAGE, TEMPLATE = ROOT / "docs" / "tutorial.md", ROOT / "scripts" / "pages" / "tutorial.md"


def main() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            page = Typist(Path(folder).resolve()).page(TEMPLATE.read_text(encoding="utf-8"))
        except OtherStory as error:
            print(f"another story: {error}")
            return 1
    return settled(page, PAGE, "make tutorial", check="--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
