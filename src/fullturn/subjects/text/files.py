"""The files of a classifier's bundle: arrays in safetensors, the rest in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects.text.features import Ngrams
from fullturn.subjects.text.model import Model
from fullturn.subjects.text.spelling import Speller
from fullturn.subjects.vectors import weights_digest, word_vectors

_ARRAYS = "arrays.safetensors"
_MODEL = "model.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a bundle holds: a model, and the input column that it reads."""

    model: Model
    text: str


def write(folder: Path, trained: Trained) -> None:
    """Write everything that `read` needs."""
    model, path = trained.model, folder / _ARRAYS
    arrays: dict[str, NDArray[Any]] = {
        "codes": model.ngrams.codes,
        "rarity": model.ngrams.rarity,
        "vectors": model.vectors,
        "duals": model.duals,
        "weights": model.weights,
    }
    # safetensors writes memory as it lies, and reads it back row by row.
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    record = {
        "text": trained.text,
        "labels": model.labels,
        "words": model.speller.words,
        "gamma": model.gamma,
        "platt": model.platt,
        "shortest": model.ngrams.shortest,
        "longest": model.ngrams.longest,
        "word_vectors": weights_digest(),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / _MODEL).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Trained:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, or is not what `write` writes.
        IntegrityError: the installed word vectors are not those of training.
    """
    try:
        record = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
        arrays = load_file(folder / _ARRAYS)
        ngrams = Ngrams(arrays["codes"], arrays["rarity"], record["shortest"], record["longest"])
        model = Model(
            labels=tuple(record["labels"]),
            speller=Speller(record["words"], word_vectors().english),
            ngrams=ngrams,
            gamma=record["gamma"],
            vectors=arrays["vectors"],
            duals=arrays["duals"],
            weights=arrays["weights"],
            platt=(record["platt"][0], record["platt"][1]),
        )
        trained, recorded = Trained(model, record["text"]), record["word_vectors"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BundleError(
            f"{folder} is not a classifier's bundle ({error!r}); train again"
        ) from None
    if recorded != weights_digest():
        raise IntegrityError(
            f"{folder} was trained with word vectors {recorded[:12]}, installed are "
            f"{weights_digest()[:12]}; install the same version of wordllama, or train again"
        )
    return trained
