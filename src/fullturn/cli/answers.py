"""`ask`, `predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.verb import json_option, opened, parameters

if TYPE_CHECKING:
    from fullturn.verbs.ask import Answered


@click.command()
@click.argument("question")
@json_option
def ask(question: str, as_json: bool) -> None:
    """Ask the champion of an assistant a QUESTION."""
    from fullturn.core.errors import UsageError
    from fullturn.verbs.ask import answer

    project = opened()
    column = project.app.contract.text
    if column is None or project.settings.app == "classifier":
        raise UsageError("`ask` is for assistants; use `fullturn predict name=value`")
    answered = answer(project, [{column: question}])[0]
    if as_json:
        say_json(answered)
        return
    show_answer(answered)
    say_next(f"fullturn lineage {answered.version}")


def show_answer(answered: Answered) -> None:
    """An assistant's answer with its citations."""
    output = answered.output
    say(f"[bold]{escape(output['answer'])}[/bold]")
    cited = ", ".join(output.get("citations", ())) or "nothing cited"
    say(
        f"[dim]{escape(cited)} · confidence {output['confidence']:.2f} · "
        f"version {answered.version} · {1000 * answered.latency:.0f} ms · "
        f"trace {answered.trace[:11]}[/dim]"
    )


@click.command()
@click.argument("values", nargs=-1, metavar="COLUMN=VALUE…")
@json_option
def predict(values: tuple[str, ...], as_json: bool) -> None:
    """Ask the champion for one row, given as COLUMN=VALUE."""
    from fullturn.verbs.ask import answer

    project = opened()
    kinds = {column.name: column.kind for column in project.app.contract.columns}
    texts = dict(pair.partition("=")[::2] for pair in values)
    row = {
        name: value if kinds.get(name) == "number" else texts[name]
        for name, value in parameters(values, "COLUMN=VALUE").items()
    }
    answered = answer(project, [row])[0]
    if as_json:
        say_json(answered)
        return
    for name, value in answered.output.items():
        say(f"{name}: [bold]{escape(f'{value:.3f}' if isinstance(value, float) else value)}[/bold]")
    say(f"[dim]version {answered.version} · {1000 * answered.latency:.1f} ms[/dim]")
    say_next(f"fullturn lineage {answered.version}")


COMMANDS = (ask, predict)
