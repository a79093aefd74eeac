"""Metrics of rankings: the mean over queries.

A query is a group of rows, each an item with its gain (the label) and its predicted value, by
which the items are ranked. Or a query is one row, whose output has a `ranking`, a list of ids with
the best first, and whose label names the relevant ids: one, a list, or a mapping of ids to gains.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from fullturn.core.entities import ScoredRow
from fullturn.core.errors import SettingsError, StatisticsInputError
from fullturn.core.values import as_label
from fullturn.core.wording import shown
from fullturn.metrics.answers import expected_values, label_column, predicted_values
from fullturn.metrics.metric import Rows, SetMetric
from fullturn.statistics.inputs import Codes, Floats, as_scores


@dataclass(frozen=True, slots=True)
class Query:
    """Items of a query, best first: gains, shape (items,), in ties of equal predicted value."""

    gains: Floats
    ties: Codes
    """Where each tie begins, from 0; its items are in no order. Shape (ties,)."""
    relevant: Floats
    """All gains that could have been found, largest first."""


class RankingMetric(SetMetric):
    """The mean over queries, each with the same weight; `name(10)` looks at the first ten only."""

    bounds = (0.0, 1.0)
    needs = ("value",)

    def __init__(self, first: str | None = None) -> None:
        if first is not None and not (first.isdecimal() and int(first)):
            raise SettingsError(
                f"metric '{self.name}({first})': give a number of items, as in {self.name}(10)"
            )
        self.first = None if first is None else int(first)
        if self.first is not None:
            self.name = f"{self.name}({self.first})"

    @abstractmethod
    def of_query(self, query: Query) -> float:
        """The value of one query, in [0, 1]."""

    def estimate(self, rows: Rows) -> float:
        """The mean over queries."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """The mean, plus the deviation of the query, by how much smaller it is than the others.

        So that rows of a query add up to its share in a mean over queries.
        """
        codes, queries = _queries(rows)
        if not any(query.relevant.any() for query in queries):
            raise StatisticsInputError(
                f"no item of {len(queries)} queries is relevant: its gain would be above 0"
            )
        values = np.array([self.of_query(query) for query in queries])
        sizes = np.bincount(codes)
        found = float(values.mean())
        deviation = (values - found) * len(rows) / (len(queries) * sizes)
        return np.asarray(found + deviation[codes])


class Ndcg(RankingMetric):
    """Discounted gain of a ranking as a share of the best possible (NDCG), mean over queries.

    `ndcg(10)` of the first ten items. Gains count as they are, divided by log2(1 + rank); tied
    items share theirs; a query without relevant items counts 0 (as in scikit-learn; Järvelin and
    Kekäläinen, ACM Transactions on Information Systems 20, 2002).
    """

    name = "ndcg"

    def of_query(self, query: Query) -> float:
        """Discounted gain ÷ that of the best order."""
        ideal = self._gain(query.relevant, np.arange(query.relevant.size))
        return self._gain(query.gains, query.ties) / ideal if ideal else 0.0

    def _gain(self, gains: Floats, ties: Codes) -> float:
        if not gains.size:
            return 0.0
        discounts = 1 / np.log2(np.arange(gains.size) + 2)
        if self.first is not None:
            discounts[self.first :] = 0
        ends = np.append(ties[1:], gains.size)
        means = np.add.reduceat(gains, ties) / (ends - ties)
        return float(means @ np.add.reduceat(discounts, ties))


class Mrr(RankingMetric):
    """One divided by the rank of the first relevant item (MRR), mean over queries.

    `mrr(10)` counts 0 beyond the tenth. Of tied items, the relevant one comes last; a query
    without relevant items counts 0 (Voorhees, TREC-8, 1999).
    """

    name = "mrr"

    def of_query(self, query: Query) -> float:
        """1 ÷ rank, 0 if nothing relevant is found."""
        for begin, end in pairwise([*query.ties.tolist(), query.gains.size]):
            relevant = int(np.count_nonzero(query.gains[begin:end]))
            if relevant:
                rank = end - relevant + 1
                return 0.0 if self.first is not None and rank > self.first else 1 / rank
        return 0.0


def _queries(rows: Rows) -> tuple[Codes, list[Query]]:
    """The query of each row, shape (rows,), and the queries."""
    if rows and all("ranking" in row.output for row in rows):
        column = label_column(rows)
        queries = [_ranked(row, row.expected[column]) for row in rows]
        return np.arange(len(rows)), queries
    values, gains = predicted_values(rows), expected_values(rows)
    if (gains < 0).any():
        raise StatisticsInputError(
            f"row '{rows[int(gains.argmin())].id}' expects the gain {gains.min():g}: gains are "
            "not below 0"
        )
    _, codes = np.unique([row.group for row in rows], return_inverse=True)
    order = np.lexsort((-values, codes))
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return codes, [_sorted(gains[part], values[part]) for part in parts]


def _sorted(gains: Floats, values: Floats) -> Query:
    ties = np.flatnonzero(np.append(True, np.diff(values) != 0))
    return Query(gains, ties, np.sort(gains)[::-1])


def _ranked(row: ScoredRow, expected: Any) -> Query:
    ranking = row.output["ranking"]
    if not isinstance(ranking, list | tuple):
        raise StatisticsInputError(
            f"'ranking' of row '{row.id}' is {shown(ranking)}; give a list of ids, the best first"
        )
    gains = dict(_gains(row, expected))
    ids = list(dict.fromkeys(map(as_label, ranking)))
    found = np.array([gains.get(one, 0.0) for one in ids])
    relevant = np.sort(np.array(list(gains.values())))[::-1]
    return Query(found, np.arange(len(ids)), relevant)


def _gains(row: ScoredRow, expected: Any) -> Iterator[tuple[str, float]]:
    if isinstance(expected, Mapping):
        values = as_scores(list(expected.values()) or [0.0], f"gains of row '{row.id}'", 0, 1e300)
        yield from zip(map(as_label, expected), values.tolist(), strict=False)
    else:
        relevant = expected if isinstance(expected, list | tuple) else [expected]
        yield from ((as_label(one), 1.0) for one in relevant)
