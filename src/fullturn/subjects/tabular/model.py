"""A fitted tabular model, and the files of its bundle.

model.json         task, columns, classes and what else has a name
arrays.safetensors the scaling of a linear model, the n-grams of texts
estimator.skops    scikit-learn's estimator: loading it runs no code but that of the types below
line.skops         of a combined model, the linear one that the estimator's trees correct
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fullturn.core.entities import UNSEEN, Input, Output
from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects.tabular.columns import ColumnCode, Floats
from fullturn.subjects.tabular.encoding import Encoded, Encoder, Scaling
from fullturn.subjects.tabular.parameters import Task
from fullturn.subjects.tabular.target import LogTarget
from fullturn.subjects.tabular.texts import TextCode
from fullturn.subjects.text.features import Ngrams, Speller
from fullturn.subjects.vectors import one_thread, weights_digest, word_vectors

TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
"""Types in an archive of ours that skops does not trust unasked: a tree, and what checks the
categories of boosted trees."""
_MODEL, _ARRAYS, _ESTIMATOR, _LINE = (
    "model.json",
    "arrays.safetensors",
    "estimator.skops",
    "line.skops",
)
SMALL = 1_000
"""Rows up to which one thread is faster than several."""
BLOCK = 20_000
"""Rows that are encoded at a time."""
_SHARE_DIGITS, _VALUE_DIGITS = 6, 9
"""Further digits differ between batch sizes and machines."""


@dataclass(frozen=True)
class Model:
    """An encoder, and estimators of scikit-learn: a linear one with its `scaling`, trees, or trees
    that were fitted to what the linear one leaves.

    Of a classifier, `classes` are its labels in the estimator's order. `weights` [k], if it was
    trained with weights, are those of the labels.
    """

    task: Task
    encoder: Encoder
    scaling: Scaling | None
    line: Any
    trees: Any
    classes: tuple[str, ...] = ()
    weights: Floats | None = None
    target: LogTarget | None = None

    @property
    def is_linear(self) -> bool:
        """Whether it has no trees."""
        return self.trees is None

    def answer(self, rows: Sequence[Input]) -> Iterator[Output]:
        """The output of each row.

        Raises:
            DataError: a cell is not of its column's kind.
        """
        for start in range(0, len(rows), BLOCK):
            cells = self.encoder.cells(rows[start : start + BLOCK])
            unseen = self.encoder.unseen(cells)
            for place, output in enumerate(self._answer(self.encoder.encode(cells))):
                yield {**output, UNSEEN: unseen[place]} if place in unseen else output

    def encode(self, rows: Sequence[Input]) -> Encoded:
        """The rows as numbers."""
        return self.encoder.encode(self.encoder.cells(rows))

    def values(self, encoded: Encoded, of_trees: Floats | None = None) -> Floats:
        """The answers of a regression [n]; `of_trees` are those of its trees so far."""
        found: Floats = np.zeros(len(encoded.columns))
        if self.line is not None:
            found = found + self.line.predict(self._wide(encoded))
        if self.trees is not None:
            trees = self.trees.predict(encoded.for_trees()) if of_trees is None else of_trees
            found = found + trees
        return found if self.target is None else self.target.labels(found)

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

    def _wide(self, encoded: Encoded) -> Any:
        assert self.scaling is not None
        return self.scaling.widen(encoded, self._is_category)

    def _answer(self, encoded: Encoded) -> Iterator[Output]:
        with one_thread(len(encoded.columns) <= SMALL):
            if self.task == "regression":
                found = self.values(encoded).tolist()
                return ({"value": float(f"{value:.{_VALUE_DIGITS}g}")} for value in found)
            if self.trees is None:
                return self._labelled(self.line.predict_proba(self._wide(encoded)))
            return self._labelled(self.trees.predict_proba(encoded.for_trees()))

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

    dump(model.line if model.is_linear else model.trees, folder / _ESTIMATOR)
    if model.line is not None and not model.is_linear:
        dump(model.line, folder / _LINE)
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
        weights, target = record["weights"], record.get("target")
        first = load(folder / _ESTIMATOR, trusted=list(TRUSTED))
        line, trees = (first, None) if record["is_linear"] else (None, first)
        if record.get("is_combined"):
            line = load(folder / _LINE, trusted=list(TRUSTED))
        return Model(
            record["task"],
            Encoder(
                tuple(_column(one) for one in record["columns"]),
                tuple(_text(one, place, arrays) for place, one in enumerate(record["texts"])),
            ),
            Scaling(**{one: arrays[one] for one in names if one in arrays}) if line else None,
            line,
            trees,
            tuple(record["classes"]),
            None if weights is None else np.array(weights),
            None if target is None else LogTarget(**target),
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
        "target": None if model.target is None else asdict(model.target),
        "is_linear": model.is_linear,
        "is_combined": model.line is not None and not model.is_linear,
        "word_vectors": weights_digest() if texts else None,
    }


def _arrays(model: Model) -> dict[str, NDArray[Any]]:
    scaling = {} if model.scaling is None else asdict(model.scaling)
    found: dict[str, NDArray[Any]] = {k: one for k, one in scaling.items() if one is not None}
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
