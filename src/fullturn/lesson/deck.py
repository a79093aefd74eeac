"""The deck: slide files, figures and drawings, rendered into one page.

There is one file for each slide, ordered by name; a presenter may edit or omit them.

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

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import UsageError
from fullturn.lesson.diagrams.catalog import Board, draw
from fullturn.lesson.figures import Figure, Figures, benchmark_results, cases
from fullturn.lesson.panels.events import replays
from fullturn.lesson.past import figures as recorded
from fullturn.lesson.past import past
from fullturn.verbs.workspace import Workspace

if TYPE_CHECKING:
    from markupsafe import Markup


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


PAGE = Path(str(files("fullturn.lesson"))) / "page"


@dataclass(frozen=True, slots=True)
class RenderedSlide:
    """A slide, rendered."""

    slide: Slide
    body: Markup
    notes: tuple[str, ...]
    number: int
    figures: tuple[Figure, ...]

    @property
    def section(self) -> str:
        """Its number and name."""
        return f"{self.slide.section} {SECTIONS[self.slide.section][0]}"

    @property
    def colour(self) -> str:
        """Of its section."""
        return SECTIONS[self.slide.section][1]


@dataclass(frozen=True)
class Deck:
    """The slides of a lesson project."""

    project: Workspace
    results: Path | None = None
    """Folder of benchmark results; by default those shipped with the lesson."""

    @cached_property
    def board(self) -> Board:
        """The data behind all figures and drawings, read once.

        Raises:
            MissingFigure: the project lacks required data.
        """
        found = past(self.project)
        figures = Figures(benchmark_results(self.results), recorded(found, self.project.root.name))
        return Board(found, figures)

    def slides(self) -> list[RenderedSlide]:
        """Every slide, rendered from its current file.

        Raises:
            UsageError: a file is not a slide, or its template is invalid.
            MissingFigure: a slide cites a figure that no run and no result contains.
        """
        written = slides(self.project.root / OWN)
        return [self._rendered(slide, number) for number, slide in enumerate(written, 1)]

    def page(self) -> str:
        """The whole deck as one HTML page that loads files next to it."""
        shown = self.slides()
        cited = {figure.name: figure for one in shown for figure in one.figures}
        page: str = (
            _environment()
            .get_template("deck.html.jinja")
            .render(
                slides=shown,
                count=len(shown),
                seconds=sum(one.slide.seconds for one in shown),
                sources=_script({name: _source(figure) for name, figure in cited.items()}),
                replays=_script(replays()),
            )
        )
        return page

    def _rendered(self, slide: Slide, number: int) -> RenderedSlide:
        import jinja2
        from markupsafe import Markup

        figures = self.board.figures
        figures.cited.clear()
        environment = _environment()
        parts: Any = environment.get_template("parts.html.jinja").module
        written = environment.overlay()
        written.globals = {
            **environment.globals,
            "fig": lambda name, form="": figures(name, form).text,
        }
        environment.globals |= {
            "fig": lambda name, form="": parts.figure(figures(name, form)),
            "draw": lambda name: Markup(str(draw(name, self.board))),  # noqa: S704
            "cases": cases(),
            "live": parts.live,
            "turn": parts.turn,
            "cited": parts.cited,
        }
        try:
            body = environment.from_string(slide.body).render()
            figures_on = tuple(figures.cited)
            notes = tuple(written.from_string(paragraph).render() for paragraph in slide.notes)
        except jinja2.TemplateError as error:
            raise UsageError(f"slide {slide.name} cannot be rendered: {error}") from error
        return RenderedSlide(slide, Markup(body), notes, number, figures_on)  # noqa: S704


def _source(figure: Figure) -> dict[str, str]:
    return {"text": figure.text, **asdict(figure.source)}


def _script(value: object) -> Markup:
    """JSON that is safe inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " "))  # noqa: S704


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
