"""The commands to start with: `demo`, `init`, `adopt`, `turn`, `ask`, `predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import progress, say_json, say_next, show_step
from fullturn.cli.serving import ReleaseProgress
from fullturn.cli.verb import answer, json_option, open_project

if TYPE_CHECKING:
    from fullturn.verbs.parts.batch import BadRows
    from fullturn.verbs.turn import Step


@click.command()
@click.argument("folder", default="demo", type=click.Path(path_type=Path))
@click.option("--keep-serving", is_flag=True, help="Keep the server running at the end.")
@json_option
def demo(folder: Path, keep_serving: bool, as_json: bool) -> None:
    """Create an example project in FOLDER and run the full lifecycle on it.

    The example is an assistant that answers questions about MLOps from a handbook. Running the
    demo again starts over. The embedded LLM is fetched first if it is missing.
    """
    from fullturn.cli.llm import fetch_weights
    from fullturn.cli.walk import walk

    fetch_weights(as_json=as_json)
    walk(folder, as_json=as_json, keep_serving=keep_serving)


@click.command()
@click.option("--csv", type=click.Path(path_type=Path), help="A CSV or Parquet file with the rows.")
@click.option("--test", type=click.Path(path_type=Path), help="A separate test file.")
@click.option("--label", metavar="COLUMN", help="The label column to predict.")
@click.option("--text", metavar="COLUMN", help="Classify this text column alone.")
@click.option("--id", metavar="COLUMN", help="A column that names each row.")
@click.option("--group", metavar="COLUMN", help="A column of rows that belong together.")
@click.option("--time", metavar="COLUMN", help="A column that orders the rows.")
@click.option(
    "--task", type=click.Choice(["classification", "regression"]), help="If not inferred."
)
@click.option("--prompt", multiple=True, metavar="FILE", help="A prompt; repeatable: several race.")
@click.option("--cases", metavar="FILE", help="Its cases: JSON lines, a table, promptfoo's tests.")
@click.option("--schema", metavar="FILE", help="A JSON schema of the answer.")
@click.option("--example", metavar="NAME", help="Start from an example: assistant or wine.")
@click.option("--encoding", metavar="NAME", help="The file's encoding, if it is not UTF-8.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="What to do with rows that break the contract.",
)
@click.option("--unit", metavar="NAME", help="What a label of numbers is measured in, as USD.")
@click.option("--decimal", type=click.Choice([".", ","]), help="If not inferred.")
@click.option("--thousands", type=click.Choice([",", " ", "'"]), help="In numbers such as 1,234.5.")
@click.option(
    "--day-first/--month-first", default=None, help="What comes first in dates such as 1/5/2024."
)
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool, **options: Any) -> int:
    """Create a project in FOLDER: for a table and its label, for one text, for a prompt and its
    cases, or from an example.

    A table needs --csv and --label. What each column is, and whether the label asks for
    classification or regression, is inferred, shown with the reasons, and written into
    fullturn.toml, where you can correct it. With --text, the built-in text classifier reads that
    column alone.

    A prompt needs --prompt and --cases: messages with {{placeholders}}, and lines of JSON that fill
    them and say what is expected. Scorers are proposed and written into fullturn.toml.

    The project includes workflows that run `fullturn ci` and `fullturn cd` on GitHub
    and GitLab. Existing files are never overwritten.
    """
    from fullturn.verbs.init import init

    return answer(init(folder, **options), as_json)


@click.command()
@click.argument("model", metavar="models:/NAME[@ALIAS|/VERSION]")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="A file with rows that have a label.",
)
@click.option("--label", required=True, metavar="COLUMN", help="The label column.")
@click.option("--test", type=click.Path(path_type=Path), help="A separate test file.")
@click.option("--tracking-uri", metavar="URI", help="The server; default: MLFLOW_TRACKING_URI.")
@click.option(
    "--allow-pickle",
    is_flag=True,
    help="Load models that can run any code, each in a process of its own.",
)
@click.option(
    "--env",
    type=click.Choice(["local", "isolated"]),
    help="Packages of the models: those here (local), or those that each declares.",
)
@click.option("--id", metavar="COLUMN", help="A column that names each row.")
@click.option("--group", metavar="COLUMN", help="A column of rows that belong together.")
@click.option("--time", metavar="COLUMN", help="A column that orders the rows.")
@click.option(
    "--slices", multiple=True, metavar="COLUMN", help="A column to report by; repeatable."
)
@click.option(
    "--task", type=click.Choice(["classification", "regression"]), help="If not inferred."
)
@click.option("--unseen", metavar="REASON", help="Why no test row can have been trained on.")
@click.option("--name", help="The project's name; default: NAME-adopted.")
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@json_option
def adopt(model: str, folder: Path | None, as_json: bool, **options: Any) -> int:
    """Make a project for a model that is registered in MLflow, and gate its newest version.

    The version named, or else that of the alias `champion`, becomes the first entry of the history.
    Columns, task and metrics are inferred and written, with reasons, to fullturn.toml in DIR.
    Nothing of the team's is changed: tags, aliases and runs stay as they are. Exit codes are the
    gate's: 0 passed, 1 failed, 3 inconclusive.
    """
    from fullturn.verbs.adopt import adopt

    with progress() as on_progress:
        adopted = adopt(model, folder, progress=on_progress, **options)
    return answer(adopted, as_json)


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
    project, printer = open_project(), StepPrinter(as_json, watch)
    with progress() as on_progress:
        steps = project.turn(
            watch, every, on_step=printer, on_look=ReleaseProgress(as_json), progress=on_progress
        )
    if not as_json:
        say_next(*steps.next_steps)
    elif not watch:
        say_json(steps)


class StepPrinter:
    """Prints each step as it ends; with --watch, an unchanged step is printed only once."""

    def __init__(self, as_json: bool, watch: bool) -> None:
        self._as_json, self._watch = as_json, watch
        self._last: dict[str, Step] = {}

    def __call__(self, step: Step) -> None:
        """Print it, unless it is unchanged."""
        known = self._last.get(step.stage) == step
        self._last[step.stage] = step
        if self._as_json and self._watch:
            say_json(step)
        elif not self._as_json and (step.done or not known):
            show_step(step)


@click.command()
@click.argument("question")
@json_option
def ask(question: str, as_json: bool) -> int:
    """Ask the champion a QUESTION."""
    return answer(open_project().ask(question), as_json)


@click.command()
@click.argument("rows", nargs=-1, required=True, metavar="COLUMN=VALUE… | FILE")
@click.option("--out", metavar="FILE", help="Output; default: NAME.predicted with its ending.")
@click.option("--version", metavar="N", help="Model version; default: the champion.")
@click.option(
    "--bad-rows",
    type=click.Choice(["refuse", "error"]),
    default="refuse",
    show_default=True,
    help="End at a row that cannot be predicted, or write why into a column 'error'.",
)
@json_option
def predict(
    rows: tuple[str, ...], out: str | None, version: str | None, bad_rows: BadRows, as_json: bool
) -> int:
    """Predict one row, given as COLUMN=VALUE, or each row of FILE.

    FILE is .csv, .jsonl or .parquet, a folder of such files, a Delta table, or an address such as
    s3://bucket/rows.parquet. It is read in pieces; the output has its columns and the predictions,
    and appears at the end. After an interruption, the same command goes on from where it stopped.
    A run in MLflow has the version and the digests of both files; see `fullturn lineage FILE`.
    """
    from fullturn.verbs import predict

    with progress() as on_progress:
        found = predict.predict(
            open_project(), rows, out=out, version=version, bad_rows=bad_rows, progress=on_progress
        )
    return answer(found[0] if isinstance(found, Sequence) else found, as_json)


COMMANDS = (demo, init, adopt, turn, ask, predict)
