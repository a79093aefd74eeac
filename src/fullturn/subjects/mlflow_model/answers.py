"""The answers of a model, read as the task has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fullturn.core.entities import Input, Output
from fullturn.core.errors import AppError, DataError
from fullturn.core.wording import shown
from fullturn.store.model_process import SignatureMismatch
from fullturn.subjects.mlflow_model.reference import Reading

_SHARE_DIGITS = 6
"""Further ones differ between batch sizes and machines."""


class Model(Protocol):
    """A loaded model, here or in a process of its own."""

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        """See `fullturn.store.model_process.LoadedModel`."""


class Answers:
    """A predictor around a loaded model; `name` is what errors call it.

    Classification: `label`, and where the model has probabilities `confidence`, that of the label,
    and `probabilities` by label. Regression: `value`.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        reading: Reading,
        *,
        reads_arrays: bool = False,
        params: frozenset[str] = frozenset(),
    ) -> None:
        self._name, self._model, self._reading = name, model, reading
        self.reads_arrays = reads_arrays
        """Whether columns have places instead of names, in the model's signature."""
        self.params = params
        """Parameters in the model's signature, which always have their defaults."""

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row; as many as the model gives.

        Raises:
            DataError: a row has a value that the model's signature does not allow.
            AppError: the model raised, or an answer cannot be read.
        """
        if not rows:
            return []
        try:
            return read_answers(self._model.answer(rows), self._reading)
        except SignatureMismatch as error:
            raise DataError(str(error)) from error
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise AppError(f"{self._name}: {error}") from error


def read_answers(given: Mapping[str, Any], reading: Reading) -> list[Output]:
    """Outputs from what a model gave.

    Raises:
        ValueError: an answer is missing (None, NaN), or cannot be read.
    """
    values = given["values"]
    if reading.task == "regression":
        return [{"value": _number(value)} for value in values]
    shares = given.get("shares")
    if shares is None or len(shares) != len(values):
        return [_read_label(value, reading.classes) for value in values]
    classes = [as_label(one) for one in given["classes"]]
    return [
        _labelled(_likeliest(value, classes), classes, row)
        for value, row in zip(values, shares, strict=True)
    ]


def as_label(value: Any) -> str:
    """A label as the data has it: whole numbers without a point, truth values in small letters.

    Raises:
        ValueError: it is missing.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f"predict() gave {value!r} instead of a label")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _read_label(value: Any, classes: Sequence[str]) -> Output:
    """A label alone; probabilities, where `classes` says of what; or a mapping of both."""
    if isinstance(value, Mapping):
        return _of_mapping(value)
    if not isinstance(value, list) and not (classes and isinstance(value, float)):
        return {"label": as_label(value)}
    shares = value if isinstance(value, list) else [1 - _number(value), _number(value)]
    if len(shares) != len(classes):
        raise ValueError(
            f"predict() gave {len(shares)} numbers for a row: name the labels that they are "
            "probabilities of, in this order, in [model] classes"
        )
    return _labelled(_likeliest(shares, classes), classes, shares)


def _of_mapping(value: Mapping[str, Any]) -> Output:
    if "label" not in value:
        raise ValueError(f"predict() gave {shown(value)} without 'label'")
    label, shares = as_label(value["label"]), value.get("probabilities")
    if isinstance(shares, Mapping):
        return _labelled(label, [as_label(one) for one in shares], list(shares.values()))
    if "confidence" in value:
        return {"label": label, "confidence": _number(value["confidence"])}
    return {"label": label}


def _likeliest(value: Any, classes: Sequence[str]) -> str:
    """The label itself, or of probabilities that of the largest."""
    if not isinstance(value, list):
        return as_label(value)
    return classes[max(range(len(value)), key=lambda place: _number(value[place]))]


def _labelled(label: str, classes: Sequence[str], shares: Sequence[Any]) -> Output:
    by_label = {
        name: round(_number(share), _SHARE_DIGITS)
        for name, share in zip(classes, shares, strict=True)
    }
    return {"label": label, "confidence": by_label.get(label, 0.0), "probabilities": by_label}


def _number(value: Any) -> float:
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"predict() gave {shown(value)} instead of a finite number")
    return float(value)
