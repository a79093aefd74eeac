from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects.text import model
from fullturn.subjects.text.fitting import fit
from fullturn.subjects.text.model import Trained
from fullturn.subjects.text.parameters import parse
from tests.subjects.text.questions import questions


@pytest.fixture(scope="module")
def trained() -> Trained:
    texts, labels = zip(*questions()[:60], strict=True)
    return Trained(fit(texts, labels, parse({})[0]).model, "question")


@pytest.fixture
def bundle(trained: Trained, tmp_path: Path) -> Path:
    model.write(tmp_path, trained)
    return tmp_path


def test_what_is_written_is_read_back(trained: Trained, bundle: Path) -> None:
    read = model.read(bundle)
    asked = [text for text, _ in questions()]
    for (label, sure), (other, known) in zip(
        read.model.answer(asked), trained.model.answer(asked), strict=True
    ):
        assert (label, sure) == (other, pytest.approx(known, abs=1e-6))
    assert read.text == "question"


def test_arrays_survive_in_any_layout(trained: Trained, tmp_path: Path) -> None:
    fitted = trained.model
    for layout in (np.asfortranarray, np.ascontiguousarray):
        changed = replace(fitted, duals=layout(fitted.duals), weights=layout(fitted.weights))
        model.write(tmp_path, replace(trained, model=changed))
        read = model.read(tmp_path).model
        np.testing.assert_array_equal(read.duals, fitted.duals)
        np.testing.assert_array_equal(read.weights, fitted.weights)


def test_other_word_vectors_are_refused(bundle: Path) -> None:
    record = json.loads((bundle / "model.json").read_text())
    record["word_vectors"] = "0" * 64
    (bundle / "model.json").write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match="trained with word vectors 000000000000"):
        model.read(bundle)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.json").unlink(),
        lambda folder: (folder / "arrays.safetensors").unlink(),
        lambda folder: (folder / "model.json").write_text("{}"),
        lambda folder: (folder / "model.json").write_text("not JSON"),
        lambda folder: (folder / "arrays.safetensors").write_bytes(b"junk"),
        shutil.rmtree,
    ],
)
def test_a_damaged_bundle_is_named(bundle: Path, damage: Callable[[Path], object]) -> None:
    damage(bundle)
    with pytest.raises(BundleError, match="is not a classifier's bundle"):
        model.read(bundle)
