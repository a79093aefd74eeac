"""The deck: slides, figures and drawings rendered into one page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import UsageError
from fullturn.lesson.diagrams.catalog import Board, draw
from fullturn.lesson.figures import Figure, Figures, benchmark_results, cases
from fullturn.lesson.panels.recording import replays
from fullturn.lesson.past import figures as recorded
from fullturn.lesson.past import past
from fullturn.lesson.slide import OWN, SECTIONS, Slide, slides
from fullturn.verbs.workspace import Workspace

if TYPE_CHECKING:
    from markupsafe import Markup

PAGE = Path(str(files("fullturn.lesson"))) / "page"


@dataclass(frozen=True, slots=True)
class Shown:
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

    def slides(self) -> list[Shown]:
        """Every slide, rendered from its current file.

        Raises:
            UsageError: a file is not a slide, or its template is invalid.
            MissingFigure: a slide cites a figure that no run and no result contains.
        """
        written = slides(self.project.root / OWN)
        return [self._shown(slide, number) for number, slide in enumerate(written, 1)]

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

    def _shown(self, slide: Slide, number: int) -> Shown:
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
        return Shown(slide, Markup(body), notes, number, figures_on)  # noqa: S704


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
