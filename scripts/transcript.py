"""Put the output of a real demo into the README; with --check, fail if they tell other stories.

usage: transcript.py [--check] FILE    FILE holds what `make demo` printed
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"


def shown(output: str) -> str:
    """From the first scene on, without trailing spaces."""
    lines = [line.rstrip() for line in output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("1 Project"))
    return "\n".join(lines[start:]).strip()


def story(text: str) -> str:
    """What must not drift: the words, without numbers, ids and spacing."""
    return " ".join(re.sub(r"\b[0-9a-f]*\d[0-9a-f.]*\b", "#", text).split())


def main() -> int:
    output = shown(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    now, _, after = rest.partition(END)
    if "--check" in sys.argv:
        told = story(now.strip().removeprefix("```").removesuffix("```"))
        same = told == story(output)
        print(f"the README's demo is {'as just run' if same else 'stale: run `make readme`'}")
        return 0 if same else 1
    README.write_text(f"{before}{BEGIN}\n```\n{output}\n```\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
