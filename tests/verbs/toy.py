"""A small app of a user's own, with faults that can be planted in it. Test data throughout.

It tells which of three subjects a message is about, by counting words. `fault` names what is
wrong with a candidate, so that a test can see the gate catch it.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Input,
    Output,
    Params,
    Scores,
)
from fullturn.subjects.protocols import Run

SUBJECTS = {
    "billing": "invoice charge refund payment card fee price receipt bill cost".split(),
    "delivery": "parcel courier late address package shipping arrive tracking box post".split(),
    "account": "password login email profile username reset locked settings name security".split(),
}
FRAMES = (
    "my {} and the {} are wrong",
    "why is the {} not like the {}",
    "i have a question on {} and {}",
    "{} {} please help",
    "can you look at the {} for my {}",
)
CHANNELS = ("chat", "mail")
SLOW = 0.03
"""Seconds that a model which is slow takes for a batch."""


def messages(count: int, seed: int) -> list[dict[str, str]]:
    """Messages with one word of their subject, or two, and now and then one of another."""
    source, rows = random.Random(seed), dict[str, dict[str, str]]()
    while len(rows) < count:
        label = source.choice(list(SUBJECTS))
        words = source.sample(SUBJECTS[label], 2)
        if source.random() < 0.25:
            words[1] = source.choice(SUBJECTS[source.choice(list(SUBJECTS))])
        channel = source.choice(CHANNELS)
        text = f"{source.choice(FRAMES).format(*words)} nr {source.randrange(10_000)} by {channel}"
        rows[text] = {"text": text, "label": label, "channel": channel}
    return list(rows.values())


class Toy:
    """The app."""

    contract = Contract(
        columns=(
            Column("text"),
            Column("channel", "category", "slice"),
            Column("label", "category", "label"),
        ),
        key=("text",),
        near_duplicates="report",
        text="text",
    )
    defaults: Params = {"smoothing": 1.0, "fault": "none"}
    space: Mapping[str, Sequence[Any]] = {"smoothing": [0.1, 1.0, 10.0]}

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Count words per label."""
        source = random.Random(run.seed)
        rows = [(e.input["text"], e.expected["label"]) for e in data.split("train")]
        if params["fault"] == "shuffled labels":
            labels = [label for _, label in rows]
            source.shuffle(labels)
            rows = [(text, label) for (text, _), label in zip(rows, labels, strict=True)]
        counts: dict[str, Counter[str]] = {label: Counter() for label in SUBJECTS}
        for step, (text, label) in enumerate(rows):
            counts[label].update(text.split())
            if step % 50 == 0:
                run.log(step, {"vocabulary": float(len(counts[label]))})
        if params["fault"] == "hangs":
            _hang(run)
        model = {"params": dict(params), "counts": counts}
        (run.directory / "model.json").write_text(json.dumps(model))
        return run.directory

    def load(self, bundle: Path) -> Words:
        """Read the counts."""
        return Words(json.loads((bundle / "model.json").read_text()))

    def score(self, row: Example, output: Output) -> Scores:
        """Right or not."""
        return {"right": float(output["label"] == row.expected["label"])}

    def baseline(self, data: Dataset) -> Words:
        """The most frequent label."""
        labels = Counter(e.expected["label"] for e in data.split("train"))
        return Words({"params": {"fault": "constant"}, "constant": labels.most_common(1)[0][0]})


def _hang(run: Run) -> None:
    """Wait until a file appears, or ten minutes; then log 100 steps more."""
    go_on = run.directory.parents[3] / "go on"
    deadline = time.monotonic() + 600
    while not go_on.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    for step in range(100):
        run.log(step, {"after": float(step)})


class Words:
    """Predicts by word counts, or by the planted fault."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.model = model
        self.fault = str(model["params"]["fault"])

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """One output for each row, unless rows are to be lost."""
        if self.fault == "slow":
            time.sleep(SLOW)
        outputs = [self._one(row) for row in rows]
        lost = self.fault == "loses rows" and len(str(rows[0]["text"])) % 2
        return outputs[1:] if lost else outputs

    def _one(self, row: Input) -> Output:
        if self.fault == "constant":
            return {"label": self.model.get("constant", "billing")}
        if self.fault == "random":
            return {"label": random.choice(list(SUBJECTS))}
        if self.fault == "ruins a slice" and str(row["text"]).endswith("mail"):
            return {"label": "nothing"}
        text = str(row["text"])
        if self.fault == "case" and text != text.lower():
            return {"label": "nothing"}
        return {"label": self._best(text.lower().split())}

    def _best(self, words: list[str]) -> str:
        counts, smoothing = self.model["counts"], float(self.model["params"]["smoothing"])

        def score(label: str) -> float:
            total = 1.0
            for word in words:
                total *= (counts[label].get(word, 0) + smoothing) / 100
            return total

        return max(counts, key=score)
