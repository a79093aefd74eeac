"""Slide files: one per slide, ordered by name; a presenter may edit or omit them.

    title: Which run made this model?
    section: 1
    minutes: 1.5
    ---
    The slide in HTML, with Jinja expressions for figures and drawings.
    ---
    The speaker notes: paragraphs on what to say and what to click.

The folder `slides/` in the lesson's project takes precedence: a file there replaces the slide of
the same name, adds a slide if the name is new, or removes the slide if the file is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fullturn.core.errors import UsageError

SECTIONS = {
    1: ("Lifecycle", "#5cc8ff"),
    2: ("Tracking", "#ffc857"),
    3: ("Versions", "#c8adff"),
    4: ("CI/CD for models", "#7ee8a2"),
    5: ("Tools and next steps", "#ff8fa3"),
}
"""Name and colour of each section."""
OWN = "slides"
_FENCE = "---"


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide as written, before rendering."""

    name: str
    title: str
    section: int
    minutes: float
    body: str
    notes: tuple[str, ...]
    """Paragraphs."""

    @property
    def seconds(self) -> int:
        """Planned duration."""
        return round(60 * self.minutes)


def slides(own: Path | None = None) -> list[Slide]:
    """All slides in order; files in the folder `own` override the lesson's.

    Raises:
        UsageError: a file is not a valid slide.
    """
    places = [Path(str(files("fullturn.lesson"))) / "slides", *([own] if own else [])]
    found = {path.name: path for place in places for path in place.glob("*.html")}
    read = [_read(found[name]) for name in sorted(found) if found[name].stat().st_size]
    if not read:
        raise UsageError(f"there are no slides: every file in {own} is empty")
    return read


def _read(path: Path) -> Slide:
    parts = _parts(path.read_text(encoding="utf-8"))
    if len(parts) != 3:
        raise _wrong(path, f"it has {len(parts)} parts instead of a head, a body and notes")
    pairs = (line.partition(":") for line in parts[0].strip().splitlines())
    head = {name.strip(): value.strip() for name, _, value in pairs}
    try:
        section, minutes = int(head["section"]), float(head["minutes"])
        title = head["title"]
        if section not in SECTIONS or not 0 < minutes <= 60:
            raise ValueError(f"section {section} or minutes {minutes:g} is out of range")
    except (KeyError, ValueError) as error:
        raise _wrong(path, f"its head must set title, section and minutes ({error})") from error
    notes = tuple(" ".join(part.split()) for part in parts[2].split("\n\n") if part.strip())
    if not notes:
        raise _wrong(path, "it has no notes")
    return Slide(path.stem, title, section, minutes, parts[1], notes)


def _parts(text: str) -> list[str]:
    return [part + "\n" for part in _split(text.splitlines())]


def _split(lines: list[str]) -> Iterator[str]:
    part: list[str] = []
    for line in lines:
        if line.strip() == _FENCE:
            yield "\n".join(part)
            part = []
        else:
            part.append(line)
    yield "\n".join(part)


def _wrong(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path.name} is not a slide: {why}; it needs 'title:', 'section:' and 'minutes:', a line "
        f"'{_FENCE}', the slide, a line '{_FENCE}', and the notes"
    )
