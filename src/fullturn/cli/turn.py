"""`turn`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, progress, say, say_json, say_next
from fullturn.cli.release import Looks
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.verbs.turn import Step
    from fullturn.verbs.workspace import Workspace


@click.command()
@click.option("--watch", "keep", is_flag=True, help="Keep turning until interrupted.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=10.0, show_default=True, metavar="SECONDS",
    help="Pause between two passes of --watch.",
)  # fmt: skip
@json_option
def turn(keep: bool, every: float, as_json: bool) -> None:
    """Do what is due and say why: monitor, retrain, data, search, gate, release.

    With --json, one step a line when watching, one list otherwise.
    """
    from fullturn.verbs.turn import LoopRunner

    project, steps = opened(), []
    with progress() as watch, contextlib.suppress(*([KeyboardInterrupt] if keep else [])):
        turner, shown = LoopRunner(project, watch, Looks(as_json)), Shown()
        for step in turner.watch(every) if keep else turner.turn():
            steps.append(step)
            if as_json and keep:
                say_json(step)
            elif not as_json and shown.worth(step):
                show_step(step)
    if as_json:
        if not keep:
            say_json(steps)
        return
    asks = "ask '…'" if project.settings.app == "assistant" else _predict(project)
    say_next("fullturn history", "fullturn lineage champion", f"fullturn {asks}")


class Shown:
    """Remembers what was said, so that a watch repeats nothing."""

    def __init__(self) -> None:
        self._last: dict[str, Step] = {}

    def worth(self, step: Step) -> bool:
        """Whether a step is news."""
        known = self._last.get(step.stage) == step
        self._last[step.stage] = step
        return not known or step.done


def _predict(project: Workspace) -> str:
    names = project.app.contract.names("input")
    return "predict " + " ".join(f"{name}='…'" for name in names[:3])


def show_step(step: Step) -> None:
    """One step of a turn, with its reason."""
    told = step.stage == "release" and step.done  # by the looks, with all figures
    why = "" if told else f" [dim]({escape(step.why)})[/dim]"
    sign = "[green]✓[/green]" if step.done else "[dim]·[/dim]"
    say(f"{sign} [bold]{step.stage:<12}[/bold] {escape(step.what)}{why}")


COMMANDS = (turn,)
