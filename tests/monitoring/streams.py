"""Seeded live traffic of a made-up version: a table of orders, with a text and an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fullturn.core.entities import Column, Contract, Observation, Prediction, ScoredRow

CONTRACT = Contract(
    columns=(
        Column("weight", "number", required=False),
        Column("country", "category", allowed=("de", "fr", "it", "es"), required=False),
        Column("note", "text", required=False),
        Column("label", "category", "label"),
    ),
    key=("note",),
    text="note",
)
OLD = (
    "the parcel arrived late and the box was wet", "please change the delivery address",
    "when will my parcel arrive", "the driver left the box with a neighbour",
    "can I collect the parcel at the depot", "the delivery window was missed again",
    "a box is missing from the delivery", "where is the parcel now",
)  # fmt: skip
NEW = (
    "the invoice shows the wrong tax number", "please refund the invoice to my bank account",
    "tax was charged twice on one invoice", "which bank account do I pay the invoice to",
    "I need an invoice with my tax number on it", "the refund is not on my bank statement",
)  # fmt: skip
Row = dict[str, Any]
Change = Callable[[Row, np.random.Generator], Row]


def vectors(texts: Sequence[str]) -> np.ndarray:
    """Bags of hashed words: the same text, the same vector, in any process."""
    found = np.zeros((len(texts), 32))
    for row, text in enumerate(texts):
        for word in text.split():
            found[row, sum(map(ord, word)) % 32] += 1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def asked(rng: np.random.Generator, texts: Sequence[str] = OLD) -> Row:
    """One request."""
    words = texts[rng.integers(len(texts))].split()
    kept = [word for word in words if rng.random() < 0.8] or words
    return {
        "weight": float(np.round(rng.lognormal(1.0, 0.4), 2)),
        "country": str(rng.choice(["de", "fr", "it"], p=[0.6, 0.3, 0.1])),
        "note": " ".join(kept),
    }


def answered(rng: np.random.Generator, sure: float = 0.8) -> Row:
    """One answer; its confidence is that of the model."""
    confidence = float(np.round(rng.beta(10 * sure, 10 * (1 - sure)), 3))
    return {
        "label": str(rng.choice(["high", "low"])),
        "confidence": confidence,
        "abstained": confidence < 0.5,
        "sources": ["a"] * int(rng.integers(1, 4)),
    }


def reference(n: int = 400, seed: int = 1) -> list[ScoredRow]:
    """What the version was approved on: right as often as it is sure."""
    rng = np.random.default_rng([seed, 7])
    rows = []
    for number in range(n):
        output = answered(rng)
        right = float(rng.random() < output["confidence"])
        rows.append(
            ScoredRow(f"r{number}", f"r{number}", {}, asked(rng), output, {"right": right}, 0.05)
        )
    return rows


def traffic(
    n: int,
    seed: int = 2,
    begins: int | None = None,
    change: Change | None = None,
    **later: Any,
) -> list[Observation]:
    """`n` requests; from number `begins` on, inputs are changed, and so are the answers.

    `later` may hold `texts`, `sure` (the model's confidence), `right` (how often it is right;
    else as often as it is sure), `errors` and `slow` (shares). Labels follow at once.
    """
    rng = np.random.default_rng([seed, 11])
    found: list[Observation] = []
    for number in range(n):
        changed = begins is not None and number >= begins
        found += _observed(number, rng, change if changed else None, later if changed else {})
    return found


def _observed(
    number: int, rng: np.random.Generator, change: Change | None, later: dict[str, Any]
) -> list[Observation]:
    row = asked(rng, later.get("texts", OLD))
    output: Row | None = answered(rng, later.get("sure", 0.8))
    right = rng.random() < later.get("right", output["confidence"] if output else 0)
    failed, slow = rng.random() < later.get("errors", 0), rng.random() < later.get("slow", 0)
    one = Observation(
        Prediction(
            id=f"p{number}",
            sequence=1000 + number,
            time=1_700_000_000_000 + 1000 * number,
            arm="champion",
            version=3,
            key=f"k{number}",
            input=change(row, rng) if change else row,
            output=None if failed else output,
            latency=2.0 if slow else 0.05,
            error="ValueError: planted" if failed else None,
        )
    )
    return [one] if failed else [one, replace(one, loss=float(not right))]


def unlabelled(observations: Sequence[Observation]) -> list[Observation]:
    """The same requests, whose labels never come."""
    return [one for one in observations if one.loss is None]
