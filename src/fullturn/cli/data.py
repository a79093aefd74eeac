"""`fullturn data`: versions of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.data.difference import Difference
    from fullturn.data.summary import Summary


FINDINGS = {
    "duplicates": "exact copies dropped",
    "repeated": "copies across splits dropped; the test row stays",
    "near_duplicates": "pairs of near-equal texts are in two splits",
}


@click.group()
def data() -> None:
    """Versions of the dataset: commit, log, diff, show."""


@data.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("-m", "--message", default="", help="What changed.")
@json_option
def commit(files: tuple[Path, ...], message: str, as_json: bool) -> None:
    """Commit FILES as the next dataset version.

    FILES are .csv, .jsonl, .parquet or handbook .md, or folders of them; they are the whole
    content of the version. Without FILES, those named in fullturn.toml.
    """
    from fullturn.verbs.workspace import commit as commit_files
    from fullturn.verbs.workspace import latest

    project = opened()
    before = latest(project)
    version = commit_files(project, list(files), message)
    if as_json:
        say_json(version)
        return
    if version.version == before:
        lost = "; the message is not kept" if message else ""
        say(f"unchanged: still [bold]version {before}[/bold] of '{version.name}'{lost}")
        say_next("fullturn data log")
        return
    splits = ", ".join(f"{count} {name}" for name, count in version.splits.items())
    say(
        f"[bold]version {version.version}[/bold] of '{version.name}': {version.rows} rows "
        f"({splits}), digest {version.digest[:12]}"
    )
    say(f"{version.added} added, {version.removed} removed, {version.changed} changed")
    for finding, what in FINDINGS.items():
        if version.findings.get(finding):
            say(f"[yellow]{version.findings[finding]} {what}[/yellow]")
    say_next("fullturn train", "fullturn data log")


@data.command()
@json_option
def log(as_json: bool) -> None:
    """List the dataset versions, oldest first."""
    from fullturn.verbs import queries

    found = queries.data_log(opened())
    if as_json:
        say_json(found)
        return
    rows = [
        (
            str(v.version), v.created[:19].replace("T", " "), str(v.rows),
            f"+{v.added} -{v.removed} ~{v.changed}", v.digest[:12], escape(v.actor),
            escape(v.message),
        )
        for v in found
    ]  # fmt: skip
    table(("version", "committed", ">rows", "difference", "digest", "by", "message"), rows)
    say_next("fullturn data diff A B", "fullturn data show V")


@data.command()
@click.argument("a", type=int)
@click.argument("b", type=int)
@json_option
def diff(a: int, b: int, as_json: bool) -> None:
    """Count what changed between versions A and B."""
    from fullturn.verbs import queries

    found = queries.data_diff(opened(), a, b)
    if as_json:
        say_json(found)
        return
    say(
        f"from version {a} to {b}: [green]{found.added} added[/green], "
        f"[red]{found.removed} removed[/red], [yellow]{found.changed} changed[/yellow]"
    )
    _show_difference(found)


@data.command()
@click.argument("version", type=int)
@json_option
def show(version: int, as_json: bool) -> None:
    """Describe a version: rows, splits, labels."""
    from fullturn.verbs import queries

    summary = queries.data_show(opened(), version)
    if as_json:
        say_json(summary)
        return
    _show_summary(summary)


def _show_difference(found: Difference) -> None:
    shares = [
        (f"{column} = {escape(label)}", f"{before:.1%}", f"{after:.1%}")
        for column, labels in found.labels.items()
        for label, (before, after) in labels.items()
        if before != after
    ]
    splits = [(f"rows in {name}", str(x), str(y)) for name, (x, y) in found.splits.items()]
    table(("what", f">version {found.before}", f">version {found.after}"), splits + shares[:40])
    for title, rows in found.examples.items():
        for _, about in rows[:3]:
            say(f"[dim]{title}[/dim] {escape(about[:90])}")


def _show_summary(summary: Summary) -> None:
    rows = [
        ("rows", str(summary.rows)),
        ("groups", str(summary.groups)),
        *((f"rows in {name}", str(count)) for name, count in summary.splits.items()),
        *(
            (f"characters of {name}", f"{x.shortest} to {x.longest}, median {x.median}")
            for name, x in summary.lengths.items()
        ),
    ]
    for column, labels in summary.labels.items():
        rows += [
            (f"{column} = {escape(label)}", str(count))
            for label, count in list(labels.items())[:40]
        ]
    table(("what", "value"), rows)


COMMANDS = (data,)
