"""Update the docs from a real demo: its output, and screenshots of its report pages.

usage: readme.py [--check] LOG

LOG is the output of `make demo`; the demo is in demo/. docs/walkthrough.md shows its scenes, the
README shows the last one. With --check, nothing is written: it fails if the docs differ from the
log in more than numbers and ids.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from typed import OtherStory, Typist, scenes_of, settled

ROOT = Path(__file__).parents[1]
README, DEMO = ROOT / "README.md", ROOT / "demo"
PAGE, TEMPLATE = ROOT / "docs" / "walkthrough.md", ROOT / "scripts" / "pages" / "walkthrough.md"
BEGIN, END = "<!-- demo:begin -->\n```\n", "\n```\n<!-- demo:end -->"
LAST = "Summary"
PICTURES = {
    "gate.png": ("gate/report.html", "<title>Gate failed"),
    "release.png": ("release/report.html", "Rolled back"),
    "alarm.png": ("alarm/alarm.html", "harmful shift"),
}
SIZE = {"width": 980, "height": 1060}


def shown(output: str) -> str:
    """What the demo printed, from its first scene on, without trailing spaces."""
    lines = [line.rstrip() for line in output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("1 Project"))
    return "\n".join(lines[start:]).strip()


def last_scene(output: str) -> str:
    """The end of the story."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if re.match(rf"\d+ {LAST}", line))
    return "\n".join(lines[start:])


def parts(readme: str) -> tuple[str, str, str]:
    """The README before, in and after the demo's block."""
    before, _, rest = readme.partition(BEGIN)
    now, _, after = rest.partition(END)
    return before, now, after


def pictures() -> None:
    """Pictures of the tops of three pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        for name, (report, title) in PICTURES.items():
            page.goto(newest(report, title).resolve().as_uri())
            page.screenshot(path=ROOT / "docs" / name)
        browser.close()


def newest(report: str, title: str) -> Path:
    """The newest page of this name in the demo's artifacts that has this title."""
    found = (DEMO / ".fullturn" / "artifacts").glob(f"*/artifacts/{report}")
    by_time = sorted(found, key=lambda path: path.stat().st_mtime)
    return next(path for path in reversed(by_time) if title in path.read_text("utf-8"))


def main() -> int:
    output, check = shown(Path(sys.argv[-1]).read_text(encoding="utf-8")), "--check" in sys.argv
    typist = Typist(DEMO, output, scenes_of(output))
    try:
        page = typist.page(TEMPLATE.read_text(encoding="utf-8"))
    except OtherStory as error:
        print(f"another story: {error}")
        return 1
    if not check:
        before, _, after = parts(README.read_text(encoding="utf-8"))
        README.write_text(f"{before}{BEGIN}{last_scene(output)}{END}{after}", encoding="utf-8")
        pictures()
    return settled(page, PAGE, "make readme", check=check)


if __name__ == "__main__":
    sys.exit(main())
