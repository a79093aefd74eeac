"""Rows and contracts for these tests, and what a second process does."""

from __future__ import annotations

import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hypothesis import settings

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import Conflict
from fullturn.core.settings import DataSettings
from fullturn.data import versions
from fullturn.data.versions import CommitRequest

QUESTIONS = Contract(
    columns=(Column("text"), Column("label", "category", "label")), key=("text",), text="text"
)
EVERYTHING = Contract(
    columns=(
        Column("name", role="id", required=False),
        Column("text"),
        Column("age", "number", required=False, minimum=0, maximum=120),
        Column("facts", "json", "label", required=False),
        Column("label", "category", "label", allowed=("yes", "no", "maybe")),
        Column("channel", "category", "slice", required=False),
    ),
    key=("text",),
    text="text",
)
SETTINGS = DataSettings()
steady = settings(deadline=None, derandomize=True, max_examples=60)
"""For property tests: the same examples each time, and no clock."""
WORDS = "card order parcel refund login invoice street winter monday report engine coffee".split()


def questions(
    count: int, seed: int = 0, labels: tuple[str, ...] = ("a", "b")
) -> list[dict[str, Any]]:
    """Rows of `QUESTIONS` with texts that have little in common."""
    source = random.Random(seed)
    return [
        {
            "text": f"{source.randrange(10**12):x} {' '.join(source.sample(WORDS, 3))} {n} {seed}",
            "label": labels[n % len(labels)],
        }
        for n in range(count)
    ]


def commit(table: Path, rows: list[dict[str, Any]], **changes: Any) -> Any:
    """Commit with the defaults of these tests."""
    contract = changes.pop("contract", QUESTIONS)
    settings = changes.pop("settings", SETTINGS)
    said = {"message": "", "actor": "tester", "fewer_rows": True} | changes
    return versions.commit(table, "shop", rows, contract, settings, CommitRequest(**said))


def serve(orders: Connection, table: Path, actor: str) -> None:
    """Commit other rows for each number received; answer with a version, or None for a conflict."""
    orders.send("ready")
    while (number := orders.recv()) is not None:
        try:
            rows = questions(20, seed=number) + questions(2, seed=sum(actor.encode()))
            orders.send(commit(table, rows, actor=actor, message=str(number)).version)
        except Conflict:
            orders.send(None)
