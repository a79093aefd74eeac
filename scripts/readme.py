"""Put a real demo into the README: what it printed, and a picture of a report it made.

usage: readme.py [--check] LOG

LOG holds what `make demo` printed, the demo is in demo/. With --check, nothing is written: it fails
if the README tells another story than the log, numbers and ids aside.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "gate.png"
BEGIN, END = "<!-- demo:begin -->\n```\n", "\n```\n<!-- demo:end -->"
SIZE = {"width": 980, "height": 1060}


def shown(output: str) -> str:
    """What the demo printed, from its first scene on, without trailing spaces."""
    lines = [line.rstrip() for line in output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("1 Project"))
    return "\n".join(lines[start:]).strip()


def story(text: str) -> str:
    """What must not drift: the words, without numbers, ids and spacing."""
    return " ".join(re.sub(r"\b[0-9a-f]*\d[0-9a-f.]*\b", "#", text).split())


def parts(readme: str) -> tuple[str, str, str]:
    """The README before, in and after the demo's block."""
    before, _, rest = readme.partition(BEGIN)
    now, _, after = rest.partition(END)
    return before, now, after


def picture(report: Path) -> None:
    """A picture of the top of a gate's report."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(report.resolve().as_uri())
        page.screenshot(path=PICTURE)
        browser.close()


def blocked_report() -> Path:
    """The report of the demo's careless candidate."""
    reports = (ROOT / "demo" / ".fullturn" / "artifacts").glob("*/artifacts/gate/report.html")
    return next(path for path in reports if "<title>Gate failed" in path.read_text("utf-8"))


def main() -> int:
    output = shown(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    before, now, after = parts(README.read_text(encoding="utf-8"))
    if "--check" in sys.argv:
        same = story(now) == story(output)
        print(f"the README's demo is {'as just run' if same else 'stale: run `make readme`'}")
        return 0 if same else 1
    README.write_text(f"{before}{BEGIN}{output}{END}{after}", encoding="utf-8")
    picture(blocked_report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
