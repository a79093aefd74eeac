"""`ask`, `predict`."""

from __future__ import annotations

import click

from fullturn.cli.verb import answer, json_option, opened, parameters


@click.command()
@click.argument("question")
@json_option
def ask(question: str, as_json: bool) -> int:
    """Ask the champion a QUESTION."""
    return answer(opened().ask(question), as_json)


@click.command()
@click.argument("rows", nargs=-1, required=True, metavar="COLUMN=VALUE…")
@json_option
def predict(rows: tuple[str, ...], as_json: bool) -> int:
    """Predict one row, given as COLUMN=VALUE, with the champion."""
    project = opened()
    kinds = {column.name: column.kind for column in project.subject.contract.columns}
    texts = dict(pair.partition("=")[::2] for pair in rows)
    row = {
        name: value if kinds.get(name) == "number" else texts[name]
        for name, value in parameters(rows, "COLUMN=VALUE").items()
    }
    return answer(project.predict([row])[0], as_json)


COMMANDS = (ask, predict)
