"""Rows as matrices: one for trees, with missing cells and categories as they are, and a wider one
for a linear model, imputed, scaled and one-hot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fullturn.core.entities import Input
from fullturn.subjects.tabular.columns import ColumnCode, Floats
from fullturn.subjects.tabular.texts import TextCode

Cells = Mapping[str, Sequence[Any]]
"""Rows, column by column."""
FARTHEST = 10.0
"""Standard deviations at which a scaled number is cut: one absurd cell decides nothing."""


def cells_of(rows: Sequence[Input], names: Iterable[str]) -> dict[str, list[Any]]:
    """These columns of rows; a cell that a row does not have is None."""
    return {name: [row.get(name) for row in rows] for name in names}


@dataclass(frozen=True, slots=True)
class Encoder:
    """The columns that a model reads, as they were in training; texts come last."""

    columns: tuple[ColumnCode, ...]
    texts: tuple[TextCode, ...]

    @classmethod
    def learn(cls, cells: Cells, kinds: Mapping[str, str], categories: int) -> Self:
        """From the training cells; `categories` of a column at most have a place of their own."""
        return cls(
            tuple(
                ColumnCode.learn(name, kind, cells[name], categories)
                for name, kind in kinds.items()
                if kind != "text"
            ),
            tuple(
                TextCode.learn(name, cells[name]) for name, kind in kinds.items() if kind == "text"
            ),
        )

    @property
    def is_category(self) -> NDArray[np.bool_]:
        """Which columns of the matrix are categories, without the texts' [f]."""
        flags = [column.kind == "category" for column in self.columns for _ in range(column.width)]
        return np.array(flags, dtype=np.bool_)

    def cells(self, rows: Sequence[Input]) -> dict[str, list[Any]]:
        """The cells of rows, by column."""
        columns = [one.name for one in self.columns]
        return cells_of(rows, [*columns, *(one.name for one in self.texts)])

    def encode(self, cells: Cells) -> Encoded:
        """Rows as numbers.

        Raises:
            DataError: a cell is not of its column's kind.
        """
        parts = [column.read(cells[column.name]) for column in self.columns]
        texts = [text.read(cells[text.name]) for text in self.texts]
        rows = len(next(iter(cells.values()), ()))
        return Encoded(
            np.hstack(parts) if parts else np.zeros((rows, 0)),
            np.hstack([vectors for vectors, _ in texts]) if texts else None,
            sparse.hstack([ngrams for _, ngrams in texts], format="csr") if texts else None,
        )

    def unseen(self, cells: Cells) -> dict[int, dict[str, str]]:
        """The categories that never occurred in training, by row and column."""
        found: dict[int, dict[str, str]] = {}
        for column in self.columns:
            for row, value in column.unseen(cells[column.name]):
                found.setdefault(row, {})[column.name] = value
        return found


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as numbers: the columns [n, f], and what texts mean [n, 256 t] and how they are worded
    [n, w]; None without texts."""

    columns: Floats
    meaning: NDArray[np.float32] | None
    wording: sparse.csr_matrix | None

    def for_trees(self) -> Floats:
        """One dense matrix; trees get no n-grams, of which there are too many."""
        if self.meaning is None:
            return self.columns
        return np.hstack([self.columns, self.meaning])


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the columns of a matrix become those of a linear model.

    `middle`, `mean`, `deviation` and `had_missing` describe the numbers [n]; `sizes` gives how many
    values a category has, [c].
    """

    middle: Floats
    mean: Floats
    deviation: Floats
    had_missing: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    lowest: Floats | None = None
    highest: Floats | None = None
    """Where scaled numbers are cut [n]; None: all at `FARTHEST`."""

    @classmethod
    def learn(cls, columns: Floats, encoder: Encoder) -> Self:
        """From the training matrix."""
        numbers = columns[:, ~encoder.is_category]
        missing = np.isnan(numbers)
        middle = np.array([_median(column) for column in numbers.T])
        filled = np.where(missing, middle, numbers)
        deviation = filled.std(axis=0)
        sizes = [len(one.values) for one in encoder.columns if one.kind == "category"]
        return cls(
            middle,
            filled.mean(axis=0),
            np.where(deviation > 0, deviation, 1.0),
            np.asarray(missing.any(axis=0)),
            np.array(sizes, dtype=np.int64),
        )

    def within(self, columns: Floats, encoder: Encoder, onward: Collection[str]) -> Self:
        """The same, but that numbers beyond those of the training matrix count as its outermost
        ones, except those of the columns that go `onward`."""
        numbers = (columns[:, ~encoder.is_category] - self.mean) / self.deviation
        free = np.array(
            [one.name in onward for one in encoder.columns for _ in range(one.width)
             if one.kind != "category"], dtype=np.bool_,
        )  # fmt: skip
        filled = np.where(np.isnan(numbers), 0.0, numbers)
        return replace(
            self,
            lowest=np.where(free, -FARTHEST, filled.min(axis=0)),
            highest=np.where(free, FARTHEST, filled.max(axis=0)),
        )

    def widen(self, encoded: Encoded, is_category: NDArray[np.bool_]) -> Any:
        """Numbers imputed and scaled, where some were missing in training; one column for each
        category, for the others, and for missing ones. With texts it is sparse."""
        numbers = encoded.columns[:, ~is_category]
        missing = np.isnan(numbers)
        scaled = (np.where(missing, self.middle, numbers) - self.mean) / self.deviation
        dense = np.hstack(
            [
                np.clip(scaled, *self._ends),
                missing[:, self.had_missing],
                self._one_hot(encoded.columns[:, is_category]),
            ]
        )
        if encoded.meaning is None:
            return dense
        blocks: list[Any] = [dense, encoded.meaning, encoded.wording]
        return sparse.hstack(blocks, format="csr")

    @property
    def _ends(self) -> tuple[Floats | float, Floats | float]:
        if self.lowest is None or self.highest is None:
            return -FARTHEST, FARTHEST
        return self.lowest, self.highest

    def _one_hot(self, codes: Floats) -> Floats:
        widths = self.sizes + 2
        starts = np.concatenate([[0], np.cumsum(widths)])
        found = np.zeros((len(codes), int(starts[-1])))
        places = np.where(np.isnan(codes), self.sizes + 1, codes).astype(np.int64) + starts[:-1]
        np.put_along_axis(found, places, 1.0, axis=1)
        return found


def _median(column: Floats) -> float:
    present = column[~np.isnan(column)]
    return float(np.median(present)) if present.size else 0.0
