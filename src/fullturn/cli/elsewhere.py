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


@click.command()
@click.argument("pairs", metavar="PAIRS")
@click.option("--champion", default="champion", metavar="NAME", show_default=True,
              help="Column or arm of the version that serves now.")  # fmt: skip
@click.option("--candidate", default="candidate", metavar="NAME", show_default=True,
              help="Column or arm of the version to judge.")  # fmt: skip
@click.option("--guardrail", "guardrails", multiple=True, metavar="NAME",
              help="What must not get worse; default: all that the columns offer.")  # fmt: skip
@click.option("--id", "id_column", default="id", metavar="COLUMN", show_default=True,
              help="Column that names the request.")  # fmt: skip
@click.option("--no-id", is_flag=True, help="Each row is a request of its own.")
@click.option("--arm", default="arm", metavar="COLUMN", show_default=True,
              help="Column of the arm, in a table with a row per answer.")  # fmt: skip
@click.option("--key", metavar="COLUMN", help="Column of the entity that asked, such as a user.")
@click.option("--shadow", is_flag=True,
              help="Rows of both arms with the same id answer the same request.")  # fmt: skip
@click.option("--success", is_flag=True, help="Values are successes: 1 is good, not bad.")
@click.option("--margin", type=float, default=0.05, show_default=True,
              help="How much worse a guardrail may be for a promotion.")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True,
              help="Highest rate of false rollbacks, and of false promotions.")  # fmt: skip
@click.option("--minimum", type=int, default=200, show_default=True,
              help="Requests without which nothing is promoted.")  # fmt: skip
@click.option("--deadline", type=float, default=math.inf, metavar="MINUTES",
              help="Without a decision by then, the verdict is inconclusive.")  # fmt: skip
@click.option("--state", type=click.Path(dir_okay=False), metavar="FILE",
              help="Continue from FILE, and append what is read to it.")  # fmt: skip
@json_option
def judge(
    pairs: str,
    id_column: str,
    no_id: bool,
    shadow: bool,
    success: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Judge a candidate by outcomes from any system: the verdict of a release.

    PAIRS is a CSV, JSON lines or Parquet file, a Delta table, or `-` for standard input, which is
    read line by line until the evidence decides. Values are errors or losses from 0 to 1. A row per
    request has the columns `id, champion, candidate`, or `champion.NAME, candidate.NAME` for each
    guardrail; a row per answer has `arm` and `outcome` or a column for each guardrail. No project
    is needed. The evidence is valid at every look, so the first decision is final.

    Exit codes: 0 promote, 1 roll back, 3 inconclusive, 4 could not evaluate.
    """
    import fullturn.verbs.judge as verb
    from fullturn.release.judging import JudgeTerms
    from fullturn.release.outcomes import PairColumns

    columns = PairColumns(
        champion=given["champion"],
        candidate=given["candidate"],
        id=None if no_id else id_column,
        arm=given["arm"],
        key=given["key"],
        is_shadow=shadow,
        is_success=success,
    )
    terms = JudgeTerms(
        margin=given["margin"],
        alpha=given["alpha"],
        minimum=given["minimum"],
        deadline_minutes=given["deadline"],
    )
    source = TextIOWrapper(sys.stdin.buffer, encoding="utf-8") if pairs == "-" else pairs
    found = verb.judge(
        source,
        columns,
        terms,
        guardrails=given["guardrails"],
        state=given["state"],
        on_look=None if as_json else _show_look,
    )
    return answer(found, as_json)


def _show_look(ruling: Ruling) -> None:
    say_note(f"{ruling.requests:,} requests: {ruling.reason}")


COMMANDS = (judge,)
