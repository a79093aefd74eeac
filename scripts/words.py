"""Check the wording of names, messages and docs for words to avoid.

Names in src/ must not contain the words in NAMES. Strings and comments in Python code, and all
other text that a person reads, must not contain the phrases in PHRASES. ALLOWED lists the uses
that are fine, each with its reason.
"""

from __future__ import annotations

import io
import keyword
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMES: Mapping[str, str] = {
    "kept": "stored, saved, or what it holds",
    "told": "reported, recorded, or what it is",
    "stands": "is_valid, is_reusable",
    "standing": "unwaived, current",
    "apart": "separate",
    "mend": "repair, fix",
    "singly": "one_by_one",
    "leashed": "child",
    "harvest": "collect",
    "manners": "profile",
    "desk": "store, handler",
    "twin": "pair, duplicate",
    "twins": "pairs, duplicates",
    "unlogged": "serve_without_log",
    "turner": "runner",
}
"""Words that no part of a name may be, and what to use instead."""
PHRASES: Mapping[str, str] = {
    r"kept": "stored, saved, left",
    r"told": "said, reported, asked",
    r"stands?(?! (?:for|alone)\b)|stood": "is",
    r"apart(?! from\b)": "separate",
    r"mend(?:s|ed|ing)?": "repair, fix",
    r"holds|held(?!-| to\b)": "contains, has; is valid",
    r"all the way round|goes? round|went round|once round": "runs the full lifecycle",
    r"goes back|went back|going back|gone back": "is rolled back, returns",
    r"on record": "recorded, stored",
    r"by itself": "automatically",
    r"be had": "is not available",
    r"anew": "again, recreate",
    r"br(?:eaks|oke) off": "is cut short",
    r"(?:in|into) plain view": "visibly",
    r"at the door": "on entry",
    r"lets? (?:\w+ )?(?:through|out)": "passes, approves",
    r"who(?:ever)? comes next": "the next process",
    r"(?:is|are|was) asked to|asks of": "must, requires",
    r"drives it|nobody drives": "controller",
    r"free space or rights": "check disk space and permissions",
    r"given up": "timeout",
    r"in the way": "see the cause",
    r"has come|have come": "has arrived",
}
"""Phrases that read like a translation, and what to write instead."""
ALLOWED: Mapping[str, str] = {
    r"told Jake Moffatt": "a sentence about what a chatbot said to a person",
    r"a week apart": "an idiom of time",
    r"lets NaN through": "an idiom for a faulty filter",
    r"held[- ]out|held back": "the field's terms for data that training does not see",
    r"holds? (?:the|a|no) lock|process holds it|held by": "the standard verb for locks",
    r"bound then holds|that it holds for every": "a theorem or a bound holds",
    r"held liable|held Air Canada to|held to its chatbot's": "a legal term",
    r"stand-?in": "a noun",
    r"holds? (?:or|and) rolls? back": "a release that waits is said to hold",
    r"only the newest waiting one is kept": "what a queue does",
    r"kept (?:warm|in|out|together|moving)": "plain English for a state that is maintained",
}
"""Uses that are fine, and why."""
TEXTS = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "mkdocs.yml", "docs/*.md", "docs/lesson/*.md",
    "scripts/pages/*.md", "scripts/walkthrough/*", "src/**/*.jinja", "src/**/*.html", "src/**/*.js",
    "src/fullturn/lesson/cases.json", "src/fullturn/demo/examples/**/*.md",
    "src/fullturn/demo/examples/**/*.toml",
)  # fmt: skip
"""Texts that a person reads."""
CODE = ("src/**/*.py", "scripts/*.py")
GENERATED = {
    "docs/walkthrough.md", "docs/tutorial.md", "docs/regression.md", "docs/candidates.md",
    "docs/models.md", "docs/elsewhere.md", "docs/notebook.md", "docs/python.md",
}  # fmt: skip
"""Generated: their templates, docstrings and messages are checked instead."""
DEMO = re.compile(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", re.DOTALL)
FENCE = re.compile(r"^```(?!toml|diff).*?^```", re.DOTALL | re.MULTILINE)
_NAME_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PHRASE = re.compile("|".join(rf"\b(?:{one})\b" for one in PHRASES), re.IGNORECASE)
_ALLOWED = re.compile("|".join(rf"\b(?:{one})\b" for one in ALLOWED), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A word to avoid."""

    file: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: '{self.found}': write {self.instead}"


def phrases(text: str, file: str, first: int = 1) -> Iterator[Finding]:
    """Phrases to avoid in a text whose first line has the number `first`."""
    fine = [found.span() for found in _ALLOWED.finditer(text)]
    for found in _PHRASE.finditer(text):
        if any(start <= found.start() and found.end() <= end for start, end in fine):
            continue
        line = first + text.count("\n", 0, found.start())
        yield Finding(file, line, found[0], _instead(found[0]))


def names(source: str, file: str) -> Iterator[Finding]:
    """Names in Python code that contain a word to avoid."""
    for token in tokens(source):
        if token.type != tokenize.NAME or keyword.iskeyword(token.string):
            continue
        for part in _NAME_PART.findall(token.string):
            if part.lower() in NAMES:
                yield Finding(file, token.start[0], token.string, NAMES[part.lower()])


def strings(source: str, file: str) -> Iterator[Finding]:
    """Phrases to avoid in the strings and comments of Python code."""
    for token in tokens(source):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield from phrases(token.string, file, token.start[0])


def tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of Python code; f-strings are whole strings in every version of Python."""
    return tokenize.generate_tokens(io.StringIO(source).readline)


def findings(root: Path) -> dict[str, list[Finding]]:
    """All findings under `root`, by file."""
    found: dict[str, list[Finding]] = {}
    for path in _files(root, TEXTS):
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        if file not in GENERATED:
            found[file] = list(phrases(_prose(text), file))
    for path in _files(root, CODE):
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        if path == Path(__file__):
            continue  # it lists the words
        of_names = names(text, file) if file.startswith("src/") else ()
        found[file] = [*of_names, *strings(text, file)]
    return {file: some for file, some in found.items() if some}


def _instead(found: str) -> str:
    return next(to for one, to in PHRASES.items() if re.fullmatch(one, found, re.IGNORECASE))


def _prose(text: str) -> str:
    """A text without recorded output; line numbers stay."""
    for pattern in (DEMO, FENCE):
        text = pattern.sub(lambda found: "\n" * found[0].count("\n"), text)
    return text


def _files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path for one in patterns for path in root.glob(one) if path.is_file()})


def main() -> int:
    found = [str(one) for _, some in sorted(findings(ROOT).items()) for one in some]
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
