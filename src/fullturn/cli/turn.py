"""`turn`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import progress, say_json, say_next, show
from fullturn.cli.release import Looks
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.verbs.turn import Step


@click.command()
@click.option("--watch", is_flag=True, help="Repeat until interrupted.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=10.0, show_default=True, metavar="SECONDS",
    help="Pause between two turns with --watch.",
)  # fmt: skip
@json_option
def turn(watch: bool, every: float, as_json: bool) -> None:
    """Run every step that is due, with reasons: monitor, retrain, data, search, gate, release.

    With --json, print one step per line with --watch, otherwise one list.
    """
    project, said = opened(), Said(as_json, watch)
    with progress() as seen:
        steps = project.turn(watch, every, on_step=said, on_look=Looks(as_json), progress=seen)
    if not as_json:
        say_next(*steps.next_steps)
    elif not watch:
        say_json(steps)


class Said:
    """Says each step as it ends; remembers what was said, so that a watch repeats nothing."""

    def __init__(self, as_json: bool, watch: bool) -> None:
        self._as_json, self._watch = as_json, watch
        self._last: dict[str, Step] = {}

    def __call__(self, step: Step) -> None:
        """Say it, if it is news."""
        known = self._last.get(step.stage) == step
        self._last[step.stage] = step
        if self._as_json and self._watch:
            say_json(step)
        elif not self._as_json and (step.done or not known):
            show_step(step)


def show_step(step: Step) -> None:
    """One step of a turn; the looks at a release have said all figures."""
    show(replace(step, why="") if step.stage == "release" and step.done else step)


COMMANDS = (turn,)
