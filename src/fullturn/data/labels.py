"""What looks wrong with labels, in sentences: nothing is refused for it, everything is named."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from fullturn.core.entities import Contract
from fullturn.core.spelling import whole_number
from fullturn.core.wording import listed, shown
from fullturn.data.rows import Row, label_columns, split_column

_MOST = 5
_TRUTHS = {"true": "1", "false": "0"}
_BLANK = re.compile(r"[\s_-]+")


def notes(rows: Sequence[Row], contract: Contract, slice_rows: int) -> Iterator[str]:
    """One sentence for each thing that looks wrong with the labels of rows that have a split.

    `slice_rows` is how many test rows of a class the gate needs to check it.
    """
    split = split_column(contract)
    for name in label_columns(contract):
        by_split: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            if row[name] is not None and row[split] != "reference":
                by_split[row[split]][row[name]] += 1
        yield from _spellings(name, sum(by_split.values(), Counter()))
        yield from _unseen(name, by_split)
        yield from _rare(name, by_split["test"], slice_rows)


def level(label: str) -> str:
    """A label without what people do not see or do not mean: case, blanks, invisible characters,
    `1.0` for `1` and `true` for `1`."""
    text = unicodedata.normalize("NFKC", label)
    visible = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cc"))
    plain = whole_number(_BLANK.sub(" ", visible).strip().casefold())
    return _TRUTHS.get(plain, plain)


def _spellings(name: str, counts: Counter[str]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        alike[level(label)].append(label)
    for labels in [labels for labels in alike.values() if len(labels) > 1][:_MOST]:
        spelled = [f"{shown(label)} ({_rows(counts[label])})" for label in sorted(labels)]
        yield (
            f"labels of '{name}' that may be one: {', '.join(spelled)}; each is learned as a class "
            "of its own unless the files are corrected"
        )


def _unseen(name: str, by_split: dict[str, Counter[str]]) -> Iterator[str]:
    train, test = by_split["train"], by_split["test"]
    for label in [label for label in test if label not in train][:_MOST]:
        yield (
            f"label {shown(label)} of '{name}' is in {_rows(test[label])} of test and in none of "
            "train: no model can learn it"
        )


def _rare(name: str, test: Counter[str], slice_rows: int) -> Iterator[str]:
    rare = sorted(
        (label for label, count in test.items() if count < slice_rows), key=test.__getitem__
    )
    if rare and sum(test.values()) >= slice_rows:
        few = listed([f"{shown(label)} ({test[label]})" for label in rare], _MOST)
        yield (
            f"classes of '{name}' with fewer than {slice_rows} test rows, which the gate does not "
            f"check one by one: {few}"
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
