"""A real server on a free port, around predictors that tests can watch and spoil. No MLflow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fullturn.core.entities import Column, Contract, Input, Output
from fullturn.core.settings import ServingSettings
from fullturn.serving import running
from fullturn.serving.batcher import OnLogged
from fullturn.serving.deployment import DesiredState, LoadedVersion
from fullturn.serving.routes import Served
from fullturn.serving.service import Plan, service
from tests.waiting import PATIENCE

CONTRACT = Contract(
    columns=(
        Column("text", max_length=1000),
        Column("n", "number", minimum=0, maximum=100),
        Column("kind", "category", required=False, allowed=("a", "b")),
        Column("more", "json", required=False),
        Column("label", "category", "label", allowed=("long", "short")),
    ),
    key=("text",),
    text="text",
)
ROW = {"text": "hello there", "n": 2, "kind": "a", "more": None}


@dataclass
class Lengths:
    """Says which rows are long. `before` is called with each batch, and may raise."""

    version: int = 1
    before: Callable[[Sequence[Input]], None] = lambda rows: None
    batches: list[int] = field(default_factory=list)

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        self.batches.append(len(rows))
        self.before(rows)
        return [
            {"label": "long" if len(row["text"]) > 10 else "short", "by": self.version}
            for row in rows
        ]


@dataclass
class Live:
    """The server, from outside and inside."""

    address: str
    client: httpx.Client
    served: Served
    state: Path

    def predict(self, *rows: Any, **fields: Any) -> httpx.Response:
        return self.client.post("/predict", json={"inputs": list(rows) or [ROW], **fields})


class Versions:
    """A registry in memory: what is wanted, and the predictors by version."""

    def __init__(self, **predictors: Any) -> None:
        self.predictors = {int(name[1:]): one for name, one in predictors.items()}
        self.wanted = DesiredState(min(self.predictors), None)
        self.error: Exception | None = None
        self.looks = 0

    def look(self) -> DesiredState:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.wanted

    def load(self, version: int) -> LoadedVersion:
        return LoadedVersion(version, self.predictors[version], f"run-{version}")


@contextmanager
def live(
    state: Path,
    predictor: Any = None,
    *,
    registry: Versions | None = None,
    contract: Contract = CONTRACT,
    text_of: Callable[[Output], str] | None = None,
    token: str | None = None,
    on_logged: OnLogged | None = None,
    **settings: Any,
) -> Iterator[Live]:
    """Serve a predictor, or the versions of a registry, with these settings."""
    chosen = ServingSettings(**({"poll": 0.02} | settings))
    registry = registry or Versions(v1=predictor or Lengths())
    plan = Plan(
        "lengths", contract, chosen, registry.look, registry.load, token, text_of, on_logged
    )
    with (
        running.listening("127.0.0.1", 0) as listener,
        service(state, plan) as served,
        running.run_in_thread(served, listener),
    ):
        address = running.address_of(listener)
        with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client:
            yield Live(address, client, served, state)


def together(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Call it in so many threads at once; the results in order."""
    results: list[Any] = [None] * count

    def one(number: int) -> None:
        results[number] = call(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results
