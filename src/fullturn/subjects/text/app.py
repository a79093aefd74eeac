"""The classifier as an app: what it learns from, what it writes, how it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Input,
    Output,
    Params,
    Scalar,
    Scores,
)
from fullturn.core.errors import DataError, SettingsError, UsageError
from fullturn.core.settings import DataSettings
from fullturn.subjects.baseline import Majority
from fullturn.subjects.protocols import Run
from fullturn.subjects.scores import RENAMED_METRICS
from fullturn.subjects.table import check_roles, placement
from fullturn.subjects.text import parameters

if TYPE_CHECKING:
    from fullturn.subjects.text.fitting import Fitted
    from fullturn.subjects.text.model import Trained

_STEPS = 10


class Classifier:
    """Tells which label a text has. `data` names the text and the label column.

    Without settings (a bundle loaded outside its project) a predictor reads the column that
    its bundle names.
    """

    defaults: Params = parameters.DEFAULTS
    space: Mapping[str, Sequence[Scalar]] = parameters.SPACE
    renamed_metrics = RENAMED_METRICS

    def __init__(self, data: DataSettings | None = None) -> None:
        data = data or DataSettings()
        self._text, self._label = data.text or "text", data.label or "label"
        self.contract = _contract(self._text, self._label, data)

    def check_parameters(self, params: Params) -> None:
        """Raises UsageError: a parameter is unknown, of another type, or out of bounds."""
        parameters.parse(params)

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit on the train split alone, log a learning curve, write a bundle.

        Raises:
            UsageError: a parameter is unknown or has a value that is not allowed.
            DataError: the train split has fewer than two labels.
        """
        import numpy as np

        from fullturn.subjects.text import model
        from fullturn.subjects.text.fitting import fit

        recipe, most = parameters.parse(params)
        rows = data.split("train")
        labels = [str(row.expected[self._label]) for row in rows]
        if len(set(labels)) < 2:
            raise DataError(
                f"the train split of '{data.version.name}' version {data.version.version} has "
                f"{len(rows)} rows with {len(set(labels))} labels; a classifier needs two at least"
            )
        order = np.random.default_rng(run.seed).permutation(len(rows))[:most]
        texts = [str(rows[place].input[self._text]) for place in order]
        drawn = [labels[place] for place in order]
        if len(set(drawn)) < 2:
            raise UsageError(
                f"max_rows = {most} draws rows of one label only, '{drawn[0]}'; raise it to "
                f"{len(rows)}, the number of train rows, or use another seed"
            )
        fitted = fit(texts, drawn, recipe)
        _log_curve(fitted, run)
        model.write(run.directory, model.Trained(fitted.model, self._text))
        return run.directory

    def load(self, bundle: Path) -> ClassifierPredictor:
        """Load a bundle.

        Raises:
            BundleError: it is not a classifier's bundle.
            IntegrityError: the installed word vectors are not those of training.
        """
        from fullturn.subjects.text import model

        return ClassifierPredictor(model.read(bundle))

    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, in [0, 1].

        accuracy     1 for the correct label, else 0
        calibration  1 - (confidence - accuracy)², one minus the Brier score of the answer
        """
        correct = float(output["label"] == row.expected[self._label])
        calibration = 1 - (float(output["confidence"]) - correct) ** 2
        return {"accuracy": correct, "calibration": calibration}

    def baseline(self, data: Dataset) -> Majority:
        """Always the most frequent label of the train split."""
        return Majority.of(data.split("train"), self._label)


class ClassifierPredictor:
    """A loaded bundle: `label`, and `confidence`, the probability that it is right, to
    three digits."""

    def __init__(self, trained: Trained) -> None:
        self._model, self._column = trained.model, trained.text

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row.

        Raises:
            DataError: a row has no text.
        """
        # Three digits: further ones differ between batch sizes and machines.
        return [
            {"label": label, "confidence": round(sure, 3)}
            for label, sure in self._model.answer([self._text(row) for row in rows])
        ]

    def _text(self, row: Input) -> str:
        text = row.get(self._column)
        if not isinstance(text, str):
            raise DataError(
                f"'{self._column}' = {text!r} is no text; this model reads its text from there, "
                f"the row has: {', '.join(map(str, row)) or 'nothing'}"
            )
        return text


def _contract(text: str, label: str, data: DataSettings) -> Contract:
    """Near-equal texts share a split, unless the test rows are a separate file: they stay."""
    check_roles(data, label, {text: "text"})
    if data.time_is_input:
        raise SettingsError(
            "[data] time_is_input = true: the classifier reads one text and no time; remove it, or "
            "set app = 'tabular'"
        )
    kinds = data.columns
    named = (text, label, data.id or "", data.time or "", *data.slices)
    columns = (
        Column(text),
        Column(label, kinds.get(label, "category"), role="label"),
        *([Column(data.id, "category", "id")] if data.id else []),
        *(
            [Column(data.time, kinds.get(data.time, "date"), "time", day_first=data.day_first)]
            if data.time
            else []
        ),
        *(Column(name, "category", "slice", required=False) for name in data.slices),
        *placement(data, named),
    )
    return Contract(
        columns=columns,
        key=(data.id,) if data.id else (text,),
        near_duplicates="report" if data.test else "group",
        text=text,
    )


def _log_curve(fitted: Fitted, run: Run) -> None:
    """Of each tenth of the rows: how often a model of the rows before was right, and how sure."""
    import numpy as np

    right = fitted.right.astype(float)
    calibration = 1 - (fitted.confidence - right) ** 2
    for part in np.array_split(np.arange(len(right)), min(_STEPS, len(right))):
        scores = {"accuracy": right[part].mean(), "calibration": calibration[part].mean()}
        run.log(int(part[-1]) + 1, {f"progressive_{k}": float(v) for k, v in scores.items()})
