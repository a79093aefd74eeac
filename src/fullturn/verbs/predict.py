"""The champion's answers to rows: by the running server, or by its files and traced in MLflow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Input, Output
from fullturn.core.errors import AppError
from fullturn.core.showing import Block, Result, Table, grid, line, styled, then, view
from fullturn.core.tags import TraceTags
from fullturn.core.values import checked
from fullturn.core.wording import cut
from fullturn.registry import promotion
from fullturn.verbs import running_server
from fullturn.verbs.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 60
"""Characters of an input in a table."""


@dataclass(frozen=True, slots=True)
class Answered(Result):
    """One answer of the champion. `latency` in seconds."""

    input: Input
    output: Output
    version: int
    latency: float
    trace: str = ""
    """Its trace in MLflow, if it was answered by the champion's files."""
    prediction: str = ""
    """Its id in the prediction log, if the running server answered."""


class Answers(Table[Answered]):
    """Answers in the order of the rows."""


def predict(project: Workspace, rows: Iterable[Input] | pd.DataFrame) -> Answers:
    """The champion's answer to each row.

    If `fullturn serve` runs on this machine, it answers and logs the predictions, as any other
    client's; otherwise the champion is loaded and each answer is traced in MLflow. A row names the
    input columns; a pandas table has one row for each.

    Raises:
        NotFound: there is no champion.
        DataError: a row breaks the contract.
    """
    rows = [checked(row, project.subject.contract) for row in _mappings(rows)]
    number = promotion.champion(project.store)
    served = running_server.ask(project, rows, number) if rows and number else None
    if served is None:
        return Answers(_answered(project, rows))
    return Answers(
        Answered(row, one.output, one.version, one.latency, prediction=one.prediction)
        for row, one in zip(rows, served, strict=True)
    )


def _answered(project: Workspace, rows: Sequence[Input]) -> Iterator[Answered]:
    """By the champion's files; each answer is traced before the next."""
    from fullturn.tracking.traces import traced
    from fullturn.verbs.loading import champion

    version, predictor = champion(project)
    tags = TraceTags(version=version.version).write()
    for row in rows:
        start = time.perf_counter()
        outputs = predictor.predict([row])
        latency = time.perf_counter() - start
        if len(outputs) != 1:
            raise AppError(f"version {version.version} gave {len(outputs)} outputs for 1 row")
        trace = traced(row, outputs[0], latency, tags, version.run_id)
        project.store.trace(trace)
        yield Answered(row, outputs[0], version.version, latency, f"tr-{trace.id}")


def _mappings(rows: Any) -> Iterable[Input]:
    return rows.to_dict("records") if hasattr(rows, "to_dict") else rows  # type: ignore[no-any-return]


@view.register
def _(result: Answered) -> Iterator[Block]:
    output, took = result.output, 1000 * result.latency
    if "answer" in output:
        cited = ", ".join(output.get("citations", ())) or "no citations"
        sure = f"confidence {output['confidence']:.2f}"
        found = f"trace {result.trace[:11]}" if result.trace else "answered by the server"
        by = f"version {result.version} · {took:.0f} ms · {found}"
        yield line(styled(output["answer"], "bold"))
        yield line(styled(f"{cited} · {sure} · {by}", "dim"))
    else:
        for name, value in output.items():
            yield line(f"{name}: ", styled(_cell(value), "bold"))
        yield line(styled(f"version {result.version} · {took:.1f} ms", "dim"))
    yield then(f"fullturn lineage {result.prediction or result.version}")


@view.register
def _(result: Answers) -> Iterator[Block]:
    if not result:
        yield line("no rows")
        return
    inputs, outputs = list(result[0].input), list(result[0].output)
    yield grid(
        (*inputs, *(f"→ {name}" for name in outputs), ">version", ">ms"),
        (
            (
                *(_short(one.input.get(name)) for name in inputs),
                *(_cell(one.output.get(name)) for name in outputs),
                str(one.version),
                f"{1000 * one.latency:.1f}",
            )
            for one in result
        ),
    )
    yield then(f"fullturn lineage {result[0].prediction or result[0].version}")


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else cut(str(value), SHOWN)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
