"""What an answer of a language model costs: tokens, and money where prices are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.metric import Direction, RowMetric, Rows


class _Usage(RowMetric):
    direction: Direction = "lower"
    bounds = (0.0, math.inf)
    of: ClassVar[tuple[str, ...]]
    """Fields of an output that are added up."""
    hint: ClassVar[str]

    def values(self, rows: Rows) -> Sequence[float]:
        for row in rows:
            if any(name not in row.output for name in self.of):
                raise StatisticsInputError(f"the output of row '{row.id}' has no {self.hint}")
        return [float(sum(row.output[name] for name in self.of)) for row in rows]


class Tokens(_Usage):
    """Tokens of the prompt and of the answer together, per row."""

    name = "tokens"
    unit = "tokens"
    margin = 10.0
    needs = ("prompt_tokens", "completion_tokens")
    of = needs
    hint = "prompt_tokens and completion_tokens: the model does not count them"


class Cost(_Usage):
    """What an answer costs, by the prices in `[prompt]`, in their currency, per row."""

    name = "cost"
    unit = "money"
    margin = 0.0001
    needs = ("cost",)
    of = needs
    hint = "cost: name the price of its model in [prompt] prices"
