"""Rehearse the lesson's live panels without a browser; part of `present`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fullturn.cli.output import escape, say, say_json, say_next, table

if TYPE_CHECKING:
    from fullturn.lesson.panels.recording import Rehearsed
    from fullturn.verbs.workspace import Workspace

COLOURS = {"ERROR": "red", "NOTHING TO DO": "yellow"}


def rehearse(project: Workspace, *, record: bool, as_json: bool) -> None:
    """Run every panel once; with `record`, save their events as recordings.

    Raises:
        CouldNotEvaluate: a panel ended with an error.
    """
    from fullturn.core.errors import CouldNotEvaluate
    from fullturn.lesson.panels import recording
    from fullturn.lesson.panels.catalog import lesson_stage

    ended: list[Rehearsed] = []
    with lesson_stage(project) as stage:
        stage.warm()
        for one in recording.rehearse(stage, recording.RECORDED if record else None):
            ended.append(one)
            if not as_json:
                say(f"[dim]{one.panel}: {one.seconds:.1f} s[/dim]")
    _show(ended, as_json)
    wrong = [one for one in ended if one.outcome == "ERROR"]
    if wrong:
        raise CouldNotEvaluate(f"panel '{wrong[0].panel}': {wrong[0].text}")


def _show(ended: list[Rehearsed], as_json: bool) -> None:
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
