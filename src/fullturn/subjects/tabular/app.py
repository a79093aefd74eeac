"""A table and a label as an app: what it learns from, what it writes, how it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import (
    Contract,
    Dataset,
    Example,
    Input,
    Kind,
    Output,
    Params,
    Scalar,
    Scores,
)
from fullturn.core.errors import DataError, SettingsError
from fullturn.core.settings import DataSettings, ModelSettings
from fullturn.subjects import table
from fullturn.subjects.baseline import Majority, Median
from fullturn.subjects.protocols import Predictor, Run
from fullturn.subjects.spread import spread
from fullturn.subjects.tabular import parameters
from fullturn.subjects.task_scores import value_loss, value_scores

if TYPE_CHECKING:
    from fullturn.subjects.tabular.model import Model

CURVE_ROWS = 2_000
"""Validation rows on which the learning curve of boosted trees is measured, at most."""
_CURVE_STEPS = 20


class Tabular:
    """Predicts the label of a row, a category or a number, from any mix of columns.

    `[data]` names the columns and their roles, `[model] task` what the label is. Without settings
    (a bundle loaded outside its project) it only loads and answers.
    """

    defaults: Params = parameters.DEFAULTS
    batch_rows = 1_000

    def __init__(
        self, data: DataSettings | None = None, model: ModelSettings | None = None
    ) -> None:
        self._data, self._model = data or DataSettings(), model or ModelSettings()

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """What a search varies."""
        return parameters.SPACES[self._model.task]

    @cached_property
    def contract(self) -> Contract:
        """The columns of the settings; those in `[data] optional` may be empty or absent.

        Raises:
            SettingsError: no column or no label is named, or a column has two roles.
        """
        data = self._data
        if not data.columns:
            raise SettingsError(
                "[data.columns] is not set in fullturn.toml: name the columns that the model "
                "reads, such as age = 'number', city = 'category'; `fullturn init --csv FILE "
                "--label COLUMN` writes it"
            )
        odd = [name for name, kind in data.columns.items() if kind == "json"]
        if odd:
            raise SettingsError(
                f"[data.columns] {odd[0]} = 'json': a tabular model reads numbers, categories, "
                "booleans, dates and texts; remove the column there, or make columns of what is "
                "inside"
            )
        kind: Kind = "category" if self._model.task == "classification" else "number"
        return table.contract(data, data.columns, kind, frozenset(data.optional))

    def check_parameters(self, params: Params) -> None:
        """Raises UsageError: a parameter is unknown, of another type, or out of bounds."""
        parameters.parse(params, self._model.task)

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit on the train split alone, log a learning curve, write a bundle.

        Raises:
            UsageError: a parameter is unknown or has a value that is not allowed.
            DataError: the label has one value only.
            SettingsError: regression, and [model] scale is not set.
        """
        from fullturn.subjects.tabular import model
        from fullturn.subjects.tabular.fitting import fit

        recipe, rows = parameters.parse(params, self._model.task), data.split("train")
        labels = [row.expected[self._label] for row in rows]
        self._check_labels(labels, data)
        fitted = fit(
            [row.input for row in rows],
            labels,
            {one.name: one.kind for one in self.contract.columns if one.role == "input"},
            self._model.task,
            recipe,
            run.seed,
            [one.name for one in self.contract.columns if one.orders_rows],
        )
        self._log_curve(fitted, data, run)
        model.write(run.directory, fitted)
        return run.directory

    def load(self, bundle: Path) -> TabularPredictor:
        """Load a bundle.

        Raises:
            BundleError: it is not a tabular one.
            IntegrityError: the installed word vectors are not those of training.
        """
        from fullturn.subjects.tabular import model

        return TabularPredictor(model.read(bundle))

    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, in [0, 1].

        one_minus_brier  1 - ½ Σ (probability - 1 or 0)² over the labels: a frequent label alone
                         does not make it high, and being sure and wrong costs most
        accuracy         1 for the correct label, else 0
        closeness        regression: 1 - absolute error ÷ [model] scale, at least 0
        """
        expected = row.expected[self._label]
        if self._model.task == "regression":
            return value_scores(output, expected, self._scale())
        shares = output["probabilities"]
        squares = sum((share - (label == expected)) ** 2 for label, share in shares.items())
        brier = (squares + (expected not in shares)) / 2
        return {
            "one_minus_brier": min(1.0, max(0.0, 1 - brier)),
            "accuracy": float(output["label"] == expected),
        }

    def loss(self, row: Example, output: Output) -> float | None:
        """Regression: absolute error ÷ [model] scale, clipped where it is above 1."""
        if self._model.task != "regression":
            return None
        return value_loss(output, row.expected[self._label], self._scale())

    def baseline(self, data: Dataset) -> Predictor:
        """Always the most frequent label of the train split, or its median."""
        rows = data.split("train")
        if self._model.task == "regression":
            return Median.of(rows, self._label)
        return Majority.of(rows, self._label, shares=True)

    @cached_property
    def _label(self) -> str:
        (label,) = self.contract.names("label")
        return label

    def _scale(self, labels: Sequence[float] = ()) -> float:
        if self._model.scale is not None:
            return self._model.scale
        width = spread(labels)
        example = f", for example {width:g}, the width of its middle half" if width else ""
        raise SettingsError(
            "[model] scale is not set in fullturn.toml: for regression, name the error from "
            f"which an answer is worth nothing, in the label's unit{example}"
        )

    def _check_labels(self, labels: Sequence[Any], data: Dataset) -> None:
        if self._model.task == "regression":
            self._scale(labels)
        different = len(set(labels))
        if different < 2:
            raise DataError(
                f"the train split of '{data.version.name}' version {data.version.version} has "
                f"{len(labels)} rows, and '{self._label}' has {different} value"
                f"{'s' if different != 1 else ''} in them: there is nothing to learn; name another "
                "label, or commit rows with others"
            )

    def _log_curve(self, fitted: Model, data: Dataset, run: Run) -> None:
        """Of boosted trees: the error on validation rows after so many trees."""
        from fullturn.subjects.tabular.curve import curve
        from fullturn.subjects.vectors import one_thread

        rows = data.split("validation")[:CURVE_ROWS]
        if rows and not fitted.is_linear:
            labels = [row.expected[self._label] for row in rows]
            points = curve(fitted, [row.input for row in rows], labels, _CURVE_STEPS)
            with one_thread():
                for step, value in points:
                    run.log(step, value)


class TabularPredictor:
    """A loaded bundle: `label`, `confidence` and `probabilities`, or `value`; and `unseen`, the
    categories that never occurred in training, by column, if the row has any."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row.

        Raises:
            DataError: a cell is not of its column's kind.
        """
        return list(self._model.answer(rows))
