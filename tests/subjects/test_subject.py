"""Capabilities: derived from what an app has, or declared by it, each lack with a reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fullturn.core.entities import Column, Contract, Dataset, Example, Output, Params, Scores
from fullturn.core.errors import AppError, UsageError
from fullturn.subjects.assistant.app import Assistant
from fullturn.subjects.protocols import Capability, Inspection, Origin, Predictor, Run
from fullturn.subjects.subject import Subject
from fullturn.subjects.text.app import Classifier
from tests.verbs.talker import Talker
from tests.verbs.toy import Toy


class Numbers:
    """An app without a text, as small as one can be."""

    contract = Contract((Column("x", "number"), Column("y", "category", "label")), key=("x",))
    defaults: Params = {}
    space: Mapping[str, Any] = {}

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        raise OSError("no disk")

    def load(self, bundle: Path) -> Predictor:
        raise OSError("no disk")

    def score(self, row: Example, output: Output) -> Scores:
        return {"accuracy": 1.0}

    def baseline(self, data: Dataset) -> Predictor:
        raise OSError("no disk")


class Elsewhere(Numbers):
    """One that says what it lacks, and whose files are looked at by itself."""

    lacks: Mapping[Capability, str] = {"training rows": "they are somebody else's"}
    loading = "in a process of its own"

    def parameters_of(self, address: str) -> Params:
        return {"model": address}

    def origin(self, bundle: Path) -> Origin:
        return Origin("models:/a/1", "")

    def inspect(self, bundle: Path) -> Inspection:
        return Inspection(2, (), ("model.pkl: is a pickle",), "allowed in the settings")


def test_an_app_says_what_it_can_by_what_it_has() -> None:
    assert Subject(Toy(), "toy").lacks.keys() == {"generated text", "registered models"}
    assert Subject(Talker(), "talker").lacks.keys() == {"registered models"}
    assert Subject(Assistant(), "assistant").can("generated text")
    assert not Subject(Classifier(), "classifier").can("generated text")
    numbers = Subject(Numbers(), "numbers")
    assert numbers.lacks["text"] == "the app takes no text"
    assert not numbers.can("generated text") and numbers.can("training")
    assert numbers.loading == "in this process"


def test_rows_with_a_text_may_be_perturbed() -> None:
    assert Subject(Toy(), "toy").perturbations == ("typos", "case", "paraphrase")
    assert Subject(Numbers(), "numbers").perturbations == ()


def test_an_app_may_declare_what_it_lacks() -> None:
    subject = Subject(Elsewhere(), "elsewhere")
    assert subject.lacks["training rows"] == "they are somebody else's"
    assert subject.can("registered models") and subject.loading == "in a process of its own"
    assert subject.parameters_of("models:/a/1") == {"model": "models:/a/1"}


def test_what_it_cannot_do_is_refused_with_the_next_step() -> None:
    subject = Subject(Toy(), "toy")
    with pytest.raises(UsageError, match="app = 'mlflow_model'"):
        subject.parameters_of("models:/a/1")
    with pytest.raises(UsageError, match="writes no text"):
        subject.text_of({})


def test_what_an_app_raises_is_named(tmp_path: Path) -> None:
    subject = Subject(Numbers(), "numbers")
    data: Any = None
    for call in (lambda: subject.train(data, {}, data), lambda: subject.baseline(data)):
        with pytest.raises(AppError, match="no disk"):
            call()


def test_files_that_a_bundle_refers_to_are_looked_at_too(tmp_path: Path) -> None:
    from fullturn.subjects import bundle

    (tmp_path / bundle.FILES).mkdir()
    (tmp_path / bundle.FILES / "reference.json").write_text("{}")
    digest = bundle.seal(tmp_path)
    own, both = (Subject(app, "x").inspect(tmp_path, digest) for app in (Numbers(), Elsewhere()))
    assert (own.files, own.unsafe, own.allowed) == (2, (), None)
    assert (both.files, both.allowed) == (4, "allowed in the settings")
    assert both.unsafe == ("model.pkl: is a pickle",)
    (tmp_path / bundle.FILES / "reference.json").write_text("{ }")
    assert "was changed" in Subject(Elsewhere(), "x").inspect(tmp_path, digest).problems[0]


class Broken(Numbers):
    """An app that breaks its protocol in the way that a test names."""

    def __init__(self, **returns: Any) -> None:
        self._returns = returns

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        return self._value("train")

    def load(self, bundle: Path) -> Predictor:
        return self if "predict" in self._returns else self._value("load")

    def predict(self, rows: Any) -> Any:
        return self._value("predict")

    def score(self, row: Example, output: Output) -> Scores:
        return self._value("score")

    def _value(self, name: str) -> Any:
        value = self._returns[name]
        if isinstance(value, Exception):
            raise value
        return value


ROW = Example("row-1", {"x": 1.0}, {"y": "a"}, "test", "", {})
HERE = Path("/")
BREAKS: dict[str, tuple[Broken, Any, str]] = {
    "train raises": (
        Broken(train=KeyError("x")),
        lambda s: s.train(None, {}, None),
        r"train\(\) of app 'numbers' raised KeyError\('x'\) in test_subject.py, line \d+; correct",
    ),
    "train returns nothing": (
        Broken(train=None),
        lambda s: s.train(None, {}, None),
        r"train\(\) of app 'numbers' returned None, a NoneType; return the folder",
    ),
    "load raises": (
        Broken(load=ValueError("old")),
        lambda s: s.load_files(HERE),
        r"load\(\) of app 'numbers' raised ValueError\('old'\)",
    ),
    "load returns no predictor": (
        Broken(load={"a": 1}),
        lambda s: s.load_files(HERE),
        r"load\(\) of app 'numbers' returned .*return an object with predict",
    ),
    "predict raises": (
        Broken(predict=ZeroDivisionError("0")),
        lambda s: s.load_files(HERE).predict([{"x": 1}]),
        r"predict\(\) of app 'numbers' raised ZeroDivisionError\('0'\) in test_subject.py",
    ),
    "predict returns nothing": (
        Broken(predict=None),
        lambda s: s.load_files(HERE).predict([{"x": 1}]),
        r"predict\(\) of app 'numbers' raised TypeError",
    ),
    "predict returns labels": (
        Broken(predict=["a"]),
        lambda s: s.load_files(HERE).predict([{"x": 1}]),
        r"predict\(\) of app 'numbers' returned 'a', a str; return a dict for each row",
    ),
    "a NumPy number": (
        Broken(),
        lambda s: s.comparable({"label": np.int64(3)}),
        r"predict\(\) of app 'numbers' gave an output that is not JSON .*int64.*float\(x\)",
    ),
    "score raises": (
        Broken(score=IndexError("1")),
        lambda s: s.score(ROW, {}),
        r"score\(\) on row 'row-1' of app 'numbers' raised IndexError\('1'\)",
    ),
    "score returns a number": (
        Broken(score=1.0),
        lambda s: s.score(ROW, {}),
        r"score\(\) on row 'row-1' of app 'numbers' returned 1.0, a float; return a mapping",
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_an_app_that_breaks_its_protocol_is_named_with_method_and_next_step(case: str) -> None:
    app, call, message = BREAKS[case]
    with pytest.raises(AppError, match=message):
        call(Subject(app, "numbers"))
