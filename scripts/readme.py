"""Put a real demo into the documents: what it printed, and pictures of pages that it made.

usage: readme.py [--check] LOG

LOG holds what `make demo` printed, the demo is in demo/. The whole of it becomes docs/demo.md, its
last scene stands in the README. With --check, nothing is written: it fails if the documents tell
another story than the log, numbers and ids aside.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README, WHOLE = ROOT / "README.md", ROOT / "docs" / "demo.md"
BEGIN, END = "<!-- demo:begin -->\n```\n", "\n```\n<!-- demo:end -->"
LAST = "Looking back"
PICTURES = {
    "gate.png": ("gate/report.html", "<title>Gate failed"),
    "release.png": ("release/report.html", "Rolled back"),
    "alarm.png": ("alarm/alarm.html", "harmful shift"),
}
SIZE = {"width": 980, "height": 1060}
INTRODUCTION = """\
# What `make demo` prints

Recorded by `make readme`; CI checks that a fresh demo tells the same story, numbers and ids aside.

"""


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


def scenes(text: str) -> list[str]:
    """The scenes and who decided what in them: the words that must not drift."""
    kept = []
    for line in text.splitlines():
        words = re.sub(r"\b[0-9a-f]*\d[0-9a-f.,]*\b", "#", line).split()
        # How many alarms came between two looks is chance.
        if re.match(r"\d+ [A-Z]|[✓·] (?!monitoring)|gate:", line):
            kept.append(" ".join(words[:2]))
    return [name for n, name in enumerate(kept) if name != (kept[n - 1] if n else "")]


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
    found = (ROOT / "demo" / ".fullturn" / "artifacts").glob(f"*/artifacts/{report}")
    by_time = sorted(found, key=lambda path: path.stat().st_mtime)
    return next(path for path in reversed(by_time) if title in path.read_text("utf-8"))


def main() -> int:
    output = shown(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    if "--check" in sys.argv:
        recorded = WHOLE.read_text(encoding="utf-8").removeprefix(INTRODUCTION).strip("`\n")
        same = scenes(recorded) == scenes(output)
        print(f"the recorded demo is {'as just run' if same else 'stale: run `make readme`'}")
        if not same:
            print("\n".join(["recorded:", *scenes(recorded), "now:", *scenes(output)]))
        return 0 if same else 1
    WHOLE.write_text(f"{INTRODUCTION}```\n{output}\n```\n", encoding="utf-8")
    before, _, after = parts(README.read_text(encoding="utf-8"))
    README.write_text(f"{before}{BEGIN}{last_scene(output)}{END}{after}", encoding="utf-8")
    pictures()
    return 0


if __name__ == "__main__":
    sys.exit(main())
