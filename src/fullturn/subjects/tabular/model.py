"""A fitted tabular model, and the files of its bundle.

model.json         task, columns, classes and what else has a name
arrays.safetensors the scaling of a linear model, the n-grams of texts
estimator.skops    scikit-learn's estimator: loading it runs no code but that of the types below
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fullturn.core.entities import UNSEEN, Input, Output
from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects.tabular.columns import ColumnCode, Floats
from fullturn.subjects.tabular.encoding import Cells, Encoder, Scaling
from fullturn.subjects.tabular.texts import TextCode
from fullturn.subjects.text.features import Ngrams, Speller
from fullturn.subjects.vectors import one_thread, weights_digest, word_vectors

Task = Literal["classification", "regression"]
TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
"""Types in an archive of ours that skops does not trust unasked: a tree, and what checks the
categories of boosted trees."""
_MODEL, _ARRAYS, _ESTIMATOR = "model.json", "arrays.safetensors", "estimator.skops"
SMALL = 1_000
"""Rows up to which one thread is faster than several."""
BLOCK = 20_000
"""Rows that are encoded at a time."""
_SHARE_DIGITS, _VALUE_DIGITS = 6, 9
"""Further digits differ between batch sizes and machines."""


@dataclass(frozen=True)
class Model:
    """An encoder, and an estimator of scikit-learn; `scaling` is that of a linear model.

    Of a classifier, `classes` are its labels in the estimator's order. `weights` [k], if it was
    trained with weights, are those of the labels.
    """

    task: Task
    encoder: Encoder
    scaling: Scaling | None
    estimator: Any
    classes: tuple[str, ...] = ()
    weights: Floats | None = None

    def answer(self, rows: Sequence[Input]) -> Iterator[Output]:
        """The output of each row.

        Raises:
            DataError: a cell is not of its column's kind.
        """
        for start in range(0, len(rows), BLOCK):
            cells = self.encoder.cells(rows[start : start + BLOCK])
            unseen = self.encoder.unseen(cells)
            for place, output in enumerate(self._answer(self._table(cells))):
                yield {**output, UNSEEN: unseen[place]} if place in unseen else output

    def table(self, rows: Sequence[Input]) -> Any:
        """The rows as the estimator reads them."""
        return self._table(self.encoder.cells(rows))

    def _table(self, cells: Cells) -> Any:
        encoded = self.encoder.encode(cells)
        if self.scaling is None:
            return encoded.for_trees()
        return self.scaling.widen(encoded, self._is_category)

    def shares(self, weighted: Floats) -> Floats:
        """Probabilities, from those of an estimator that was trained with weights, [n, k].

        Elkan, The foundations of cost-sensitive learning, IJCAI 2001, theorem 2.
        """
        if self.weights is None:
            return weighted
        found = weighted / self.weights
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    @cached_property
    def _is_category(self) -> NDArray[np.bool_]:
        return self.encoder.is_category

    def _answer(self, table: Any) -> Iterator[Output]:
        with one_thread(table.shape[0] <= SMALL):
            found = (
                self.estimator.predict(table)
                if self.task == "regression"
                else self.estimator.predict_proba(table)
            )
        if self.task == "regression":
            return ({"value": float(f"{value:.{_VALUE_DIGITS}g}")} for value in found.tolist())
        return self._labelled(found)

    def _labelled(self, weighted: Floats) -> Iterator[Output]:
        best = weighted.argmax(axis=1).tolist()
        shares = self.shares(weighted).round(_SHARE_DIGITS).tolist()
        for place, row in zip(best, shares, strict=True):
            yield {
                "label": self.classes[place],
                "confidence": row[place],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }


def write(folder: Path, model: Model) -> None:
    """Write everything that `read` needs."""
    from skops.io import dump

    dump(model.estimator, folder / _ESTIMATOR)
    arrays = _arrays(model)
    if arrays:
        plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(plain, folder / _ARRAYS)
    text = json.dumps(_record(model), indent=1, ensure_ascii=False, sort_keys=True)
    (folder / _MODEL).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Model:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, is not what `write` writes, or contains other types.
        IntegrityError: the installed word vectors are not those of training.
    """
    from skops.io import load

    try:
        record = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
        arrays = load_file(folder / _ARRAYS) if (folder / _ARRAYS).exists() else {}
        _check_vectors(folder, record)
        names = [field.name for field in fields(Scaling)]
        weights = record["weights"]
        return Model(
            record["task"],
            Encoder(
                tuple(_column(one) for one in record["columns"]),
                tuple(_text(one, place, arrays) for place, one in enumerate(record["texts"])),
            ),
            Scaling(**{name: arrays[name] for name in names}) if record["is_linear"] else None,
            load(folder / _ESTIMATOR, trusted=list(TRUSTED)),
            tuple(record["classes"]),
            None if weights is None else np.array(weights),
        )
    except IntegrityError:
        raise
    except (SafetensorError, Exception) as error:  # skops raises what it likes
        raise BundleError(f"{folder} is not a tabular bundle ({error!r}); train again") from error


def _record(model: Model) -> dict[str, Any]:
    columns = [
        {
            "name": one.name,
            "kind": one.kind,
            "values": one.values,
            "known": None if one.known is None else sorted(one.known),
        }
        for one in model.encoder.columns
    ]
    texts = [
        {
            "name": one.name,
            "words": one.speller.words,
            "shortest": one.ngrams.shortest,
            "longest": one.ngrams.longest,
        }
        for one in model.encoder.texts
    ]
    return {
        "task": model.task,
        "columns": columns,
        "texts": texts,
        "classes": model.classes,
        "weights": None if model.weights is None else model.weights.tolist(),
        "is_linear": model.scaling is not None,
        "word_vectors": weights_digest() if texts else None,
    }


def _arrays(model: Model) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {} if model.scaling is None else asdict(model.scaling)
    for place, text in enumerate(model.encoder.texts):
        found |= {f"codes.{place}": text.ngrams.codes, f"rarity.{place}": text.ngrams.rarity}
    return found


def _column(record: Mapping[str, Any]) -> ColumnCode:
    known = record["known"]
    return ColumnCode(
        record["name"],
        record["kind"],
        tuple(record["values"]),
        None if known is None else frozenset(known),
    )


def _text(record: Mapping[str, Any], place: int, arrays: Mapping[str, NDArray[Any]]) -> TextCode:
    ngrams = Ngrams(
        arrays[f"codes.{place}"], arrays[f"rarity.{place}"], record["shortest"], record["longest"]
    )
    return TextCode(record["name"], Speller(record["words"], word_vectors().english), ngrams)


def _check_vectors(folder: Path, record: Mapping[str, Any]) -> None:
    recorded = record["word_vectors"]
    if recorded is not None and recorded != weights_digest():
        raise IntegrityError(
            f"{folder} was trained with word vectors {recorded[:12]}, installed are "
            f"{weights_digest()[:12]}; install the same version of wordllama, or train again"
        )
