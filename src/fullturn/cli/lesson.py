"""`present`, and the rehearsal of its live panels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, progress, say, say_json, say_next, table
from fullturn.cli.verb import json_option

if TYPE_CHECKING:
    from fullturn.lesson.deck import Deck
    from fullturn.lesson.panels.catalog import Rehearsed
    from fullturn.verbs.workspace import Workspace


KEYS = "→ ← change slides · S speaker view with notes and clock · F full screen · ? all keys"


@click.command()
@click.argument("folder", default="lesson", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True,
              help="Port; 0 picks a free one.")  # fmt: skip
@click.option("--reset", is_flag=True, help="Recreate the lesson's project.")
@click.option(
    "--pdf", type=click.Path(path_type=Path), metavar="FILE", help="Print to a PDF; no server."
)
@click.option("--notes", is_flag=True, help="With --pdf: add a page of notes after each slide.")
@click.option("--html", type=click.Path(path_type=Path), metavar="DIR",
              help="Write a copy that opens from disk; no server.")  # fmt: skip
@click.option("--rehearse", is_flag=True, help="Run every live panel once, without a browser.")
@click.option("--record", is_flag=True, help="With --rehearse: save this run as the replays.")
@json_option
def present(  # noqa: PLR0913, PLR0917  one per option
    folder: Path,
    port: int,
    reset: bool,
    pdf: Path | None,
    notes: bool,
    html: Path | None,
    rehearse: bool,
    record: bool,
    as_json: bool,
) -> None:
    """Present the lesson on MLOps: slides with live panels, on this machine only.

    The lesson uses its own project in FOLDER and creates it if missing, which takes a minute.
    Requires the extra 'lesson'.
    """
    if notes and pdf is None:
        raise click.UsageError("--notes requires --pdf FILE")
    if record and not rehearse:
        raise click.UsageError("--record requires --rehearse")
    if rehearse:
        _rehearse(_project(folder, reset), record=record, as_json=as_json)
        return
    from fullturn.lesson.publishing import reveal

    reveal()
    deck = _deck(_project(folder, reset), as_json)
    if pdf is None and html is None:
        _serve(deck, port, as_json)
        return
    written: dict[str, object] = {}
    if pdf is not None:
        from fullturn.lesson.publishing import pdf as write

        written["pages"] = write(deck, pdf, notes=notes)
        written["pdf"] = str(pdf)
    if html is not None:
        from fullturn.lesson.publishing import save

        written["html"] = str(save(deck, html))
    _say_written(written, as_json)


def _project(folder: Path, reset: bool) -> Workspace:
    from fullturn.lesson.panels.preparing import prepare, prepared

    found = None if reset else prepared(folder)
    if found is not None:
        return found
    with progress() as watch:
        return prepare(folder, watch)


def _deck(project: Workspace, as_json: bool) -> Deck:
    """The deck, built once, so that missing data is reported now."""
    from fullturn.lesson.deck import Deck

    deck = Deck(project)
    slides = deck.slides()
    if not as_json:
        minutes = sum(one.slide.minutes for one in slides)
        say(f"{len(slides)} slides, {minutes:g} minutes; every figure has a source")
    return deck


def _serve(deck: Deck, port: int, as_json: bool) -> None:
    from fullturn.lesson.panels.catalog import lesson_stage
    from fullturn.lesson.panels.routes import routes
    from fullturn.lesson.publishing import application, serve

    def ready(address: str) -> None:
        stage.warm()
        if as_json:
            say_json({"address": address, "project": str(deck.project.root)})
            sys.stdout.flush()  # for a program that reads from a pipe
            return
        say(f"the lesson is at [bold]{address}[/bold]; stop it with Ctrl-C")
        say(f"[dim]{KEYS}[/dim]")
        inside = escape(deck.project.root)
        say_next(
            f"open {address}", f"fullturn present {inside} --reset   # before the next talk",
            f"fullturn present {inside} --pdf slides.pdf --notes",
        )  # fmt: skip

    with lesson_stage(deck.project) as stage:
        serve(application(deck, routes(stage)), port, ready)


def _say_written(written: dict[str, object], as_json: bool) -> None:
    if as_json:
        say_json(written)
        return
    if "pdf" in written:
        say(f"{escape(written['pdf'])}: {written['pages']} pages")
    if "html" in written:
        say(f"{escape(written['html'])} opens from disk; its panels play recordings")
    say_next("fullturn present")


COLOURS = {"ERROR": "red", "NOTHING TO DO": "yellow"}


def _rehearse(project: Workspace, *, record: bool, as_json: bool) -> None:
    """Run every panel once; with `record`, save their events as recordings.

    Raises:
        CouldNotEvaluate: a panel ended with an error.
    """
    from fullturn.core.errors import CouldNotEvaluate
    from fullturn.lesson.panels.catalog import lesson_stage, rehearse
    from fullturn.lesson.panels.events import RECORDED

    ended: list[Rehearsed] = []
    with lesson_stage(project) as stage:
        stage.warm()
        for one in rehearse(stage, RECORDED if record else None):
            ended.append(one)
            if not as_json:
                say(f"[dim]{one.panel}: {one.seconds:.1f} s[/dim]")
    _show_rehearsal(ended, as_json)
    wrong = [one for one in ended if one.outcome == "ERROR"]
    if wrong:
        raise CouldNotEvaluate(f"panel '{wrong[0].panel}': {wrong[0].text}")


def _show_rehearsal(ended: list[Rehearsed], as_json: bool) -> None:
    total = sum(one.seconds for one in ended)
    if as_json:
        say_json({"panels": ended, "seconds": round(total, 1)})
        return
    rows = [
        (one.panel, f"[{COLOURS.get(one.outcome, 'green')}]{one.outcome}[/]",
         f"{one.seconds:.1f}", escape(one.text))
        for one in ended
    ]  # fmt: skip
    table(("panel", "outcome", ">seconds", ""), rows)
    say(f"[bold]{total:.0f} s[/bold] for all {len(ended)} panels")
    say_next("fullturn present --reset")


COMMANDS = (present,)
