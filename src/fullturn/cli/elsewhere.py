"""Models that serve elsewhere: `judge`, `watch`. Neither needs a project."""

from __future__ import annotations

import math
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import say_note
from fullturn.cli.verb import answer, json_option

if TYPE_CHECKING:
    from fullturn.release.judging import Ruling


SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
POSITIVE = click.FloatRange(0, min_open=True)


@click.command()
@click.argument("pairs", metavar="PAIRS")
@click.option("--champion", default="champion", metavar="NAME", show_default=True,
              help="Column or arm of the version that serves now.")  # fmt: skip
@click.option("--candidate", default="candidate", metavar="NAME", show_default=True,
              help="Column or arm of the version to judge.")  # fmt: skip
@click.option("--guardrail", "guardrails", multiple=True, metavar="NAME",
              help="What must not get worse; default: all that the columns offer.")  # fmt: skip
@click.option("--id", default="id", metavar="COLUMN", show_default=True,
              help="Column that names the request.")  # fmt: skip
@click.option("--no-id", is_flag=True, help="Each row is a request of its own.")
@click.option("--arm", default="arm", metavar="COLUMN", show_default=True,
              help="Column of the arm, in a table with a row per answer.")  # fmt: skip
@click.option("--key", metavar="COLUMN", help="Column of the entity that asked, such as a user.")
@click.option("--shadow", "is_shadow", is_flag=True,
              help="Rows of both arms with the same id answer the same request.")  # fmt: skip
@click.option("--success", "is_success", is_flag=True,
              help="Values are successes: 1 is good, not bad.")  # fmt: skip
@click.option("--margin", type=float, default=0.05, show_default=True,
              help="How much worse a guardrail may be for a promotion.")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True,
              help="Highest rate of false rollbacks, and of false promotions.")  # fmt: skip
@click.option("--minimum", type=int, default=200, show_default=True,
              help="Requests without which nothing is promoted.")  # fmt: skip
@click.option("--deadline", "deadline_minutes", type=float, default=math.inf, metavar="MINUTES",
              help="Without a decision by then, the verdict is inconclusive.")  # fmt: skip
@click.option("--state", type=click.Path(dir_okay=False), metavar="FILE",
              help="Continue from FILE, and append what is read to it.")  # fmt: skip
@json_option
def judge(pairs: str, no_id: bool, as_json: bool, **given: Any) -> int:
    """Judge a candidate by outcomes from any system: the verdict of a release.

    PAIRS is a CSV, JSON lines or Parquet file, a Delta table, or `-` for standard input, which is
    read line by line until the evidence decides. Values are errors or losses from 0 to 1. A row per
    request has the columns `id, champion, candidate`, or `champion.NAME, candidate.NAME` for each
    guardrail; a row per answer has `arm` and `outcome` or a column for each guardrail. No project
    is needed. The evidence is valid at every look, so the first decision is final.

    Exit codes: 0 promote, 1 roll back, 3 inconclusive, 4 could not evaluate.
    """
    import fullturn.verbs.judge as verb

    source = TextIOWrapper(sys.stdin.buffer, encoding="utf-8") if pairs == "-" else pairs
    given |= {"id": None} if no_id else {}
    on_look = None if as_json else _show_look
    return answer(verb.judge(source, on_look=on_look, **given), as_json)


def _show_look(ruling: Ruling) -> None:
    say_note(f"{ruling.requests:,} requests: {ruling.reason}")


@click.command()
@click.argument("log", metavar="FILE|TABLE")
@click.option("--reference", required=True, metavar="FILE|N",
              help="Rows to compare with: a file, or so many first rows of the log.")  # fmt: skip
@click.option("--prediction", metavar="COLUMN", help="Column of the answer.")
@click.option("--label", metavar="COLUMN", help="Column of the right answer, where it is known.")
@click.option("--loss", metavar="COLUMN", help="Column of the loss, 0 to 1, instead of --label.")
@click.option("--confidence", metavar="COLUMN", help="Column of the model's confidence, 0 to 1.")
@click.option("--latency", metavar="COLUMN", help="Column of the answer's latency, in seconds.")
@click.option("--time", metavar="COLUMN", help="Column that orders the log.")
@click.option("--id", metavar="COLUMN", help="Column that names the request.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column not to watch.")
@click.option("--arl", type=click.IntRange(100),
              help="Rows between two false alarms, at least; default: 20 logs.")  # fmt: skip
@click.option("--margin", type=SHARE, default=0.05, show_default=True,
              help="Smallest rise of the mean loss that counts.")  # fmt: skip
@click.option("--slow-ms", type=POSITIVE, default=1000.0, show_default=True,
              help="Latency above which an answer is slow.")  # fmt: skip
@click.option("--scale", type=POSITIVE,
              help="Regression: the error from which an answer is worth nothing.")  # fmt: skip
@click.option("--page", metavar="FILE", help="Write a report page with plots.")
@json_option
def watch(log: str, as_json: bool, **given: Any) -> int:
    """Watch a log from any system: drift, quality and alarms against reference rows.

    FILE is CSV, JSON lines or Parquet, a folder of such files, or a Delta table. All columns that
    no option names are features; what they are is inferred from the reference. Columns that only
    one of the two tables has are reported and left out. No project is needed.

    Exit codes: 0 no alarm, 1 alarm.
    """
    import fullturn.verbs.watch as verb

    return answer(verb.watch(log, **given), as_json)


COMMANDS = (judge, watch)
