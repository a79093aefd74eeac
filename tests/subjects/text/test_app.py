from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fullturn.core.entities import Example, Params
from fullturn.core.errors import DataError, SettingsError, UsageError
from fullturn.core.settings import DataSettings
from fullturn.subjects.bundle import seal, unsafe_files
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App, Predictor
from fullturn.subjects.text.app import Classifier, ClassifierPredictor
from tests.subjects.text.questions import LocalRun, as_dataset, dataset, example

DATA = dataset()
APP = Classifier()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """A run that has trained on DATA."""
    run = LocalRun(tmp_path_factory.mktemp("bundle"))
    APP.train(DATA, APP.defaults, run)
    return run


@pytest.fixture(scope="module")
def predictor(run: LocalRun) -> ClassifierPredictor:
    return APP.load(run.directory)


def mean_right(predictor: Predictor, rows: tuple[Example, ...]) -> float:
    outputs = predictor.predict([row.input for row in rows])
    scores = [APP.score(row, out)["accuracy"] for row, out in zip(rows, outputs, strict=True)]
    return sum(scores) / len(scores)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def train(folder: Path, params: Params | None = None, seed: int = 0) -> dict[str, bytes]:
    folder.mkdir()
    return files(APP.train(DATA, params or {}, LocalRun(folder, seed)))


def test_it_is_an_app_of_the_catalogue() -> None:
    assert isinstance(APP, App)
    assert isinstance(find("classifier"), Classifier)


def test_it_answers_unseen_questions_and_beats_the_majority(predictor: ClassifierPredictor) -> None:
    rows = DATA.split("test")
    assert mean_right(predictor, rows) > 0.95
    assert mean_right(APP.baseline(DATA), rows) < 0.3


def test_typing_errors_and_capitals_hardly_matter(predictor: ClassifierPredictor) -> None:
    source = random.Random(5)
    rows = DATA.split("test")

    def slip(text: str) -> str:
        place = source.randrange(len(text) - 1)
        return text[:place] + text[place + 1 :]

    slipped = [replace(row, input={"text": slip(row.input["text"])}) for row in rows]
    shouted = [replace(row, input={"text": row.input["text"].upper()}) for row in rows]
    assert mean_right(predictor, tuple(slipped)) > 0.9
    assert mean_right(predictor, tuple(shouted)) > 0.9


def test_a_batch_answers_as_its_rows_do(predictor: ClassifierPredictor) -> None:
    rows = [row.input for row in DATA.split("test")]
    for one, row in zip(predictor.predict(rows), rows, strict=True):
        [alone] = predictor.predict([row])
        assert one["label"] == alone["label"]
        assert one["confidence"] == pytest.approx(alone["confidence"], abs=1.1e-3)
        assert one["confidence"] == round(one["confidence"], 3)
    assert predictor.predict([]) == []


def test_any_text_gets_an_answer(predictor: ClassifierPredictor) -> None:
    odd = ["", " ", "\ud800", "👋", "\x00", "é" * 5000, "1234"]
    for output in predictor.predict([{"text": text} for text in odd]):
        assert 0 <= output["confidence"] <= 1
        assert output["label"] in {row.expected["label"] for row in DATA.examples}


@pytest.mark.parametrize("row", [{}, {"text": None}, {"text": 3}, {"question": "where?"}])
def test_a_row_without_text_is_refused(
    predictor: ClassifierPredictor, row: dict[str, object]
) -> None:
    with pytest.raises(DataError, match="is no text"):
        predictor.predict([row])


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert train(tmp_path / "one") == train(tmp_path / "two")
    assert train(tmp_path / "three") != train(tmp_path / "four", seed=1)


def test_only_the_train_split_counts(tmp_path: Path) -> None:
    others = [
        row if row.split == "train" else replace(row, input={"text": "x"}, expected={"label": "y"})
        for row in DATA.examples
    ]
    changed = APP.train(as_dataset(others), {}, LocalRun(tmp_path))
    assert files(changed) == train(tmp_path / "same")


def test_the_learning_curve_rises(run: LocalRun) -> None:
    steps = sorted(run.steps)
    assert len(steps) == 10
    assert steps[-1] == len(DATA.split("train"))
    first, last = run.steps[steps[0]], run.steps[steps[-1]]
    assert first["progressive_accuracy"] < last["progressive_accuracy"]
    assert 0 < last["progressive_calibration"] <= 1


def test_no_more_rows_are_used_than_allowed(tmp_path: Path) -> None:
    run = LocalRun(tmp_path)
    APP.train(DATA, {"max_rows": 50}, run)
    assert max(run.steps) == 50


def test_the_bundle_holds_safe_formats_only(run: LocalRun) -> None:
    assert unsafe_files(run.directory) == []
    assert seal(run.directory)
    (run.directory / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"depth": 3}, "no parameter 'depth'; known: penalty"),
        ({"penalty": 0}, "penalty = 0: allowed is float, 0.001 to 1000"),
        ({"gamma": "wide"}, "gamma = 'wide'"),
        ({"ngrams": True}, "ngrams = True"),
        ({"longest": 4.5}, "longest = 4.5: allowed is int, 1 to 7"),
        ({"shortest": 6}, "shortest = 6 is above longest = 5"),
        ({"penalty": float("nan")}, "penalty = nan"),
    ],
)
def test_parameters_are_checked(tmp_path: Path, params: Params, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        APP.train(DATA, params, LocalRun(tmp_path))


def test_every_value_of_the_space_trains(tmp_path: Path) -> None:
    for name, values in APP.space.items():
        for value in (values[0], values[-1]):
            folder = tmp_path / f"{name}-{value}"
            assert train(folder, {name: value, "max_rows": 40})


def test_one_label_is_no_task(tmp_path: Path) -> None:
    rows = [example("text", "label", str(n), "same", "train") for n in range(5)]
    with pytest.raises(DataError, match="5 rows with 1 labels"):
        APP.train(as_dataset(rows), {}, LocalRun(tmp_path))


def test_columns_come_from_the_settings(tmp_path: Path) -> None:
    app = Classifier(DataSettings(text="question", label="intent"))
    assert app.contract.names("input") == ("question",)
    assert app.contract.names("label") == ("intent",)
    assert (app.contract.key, app.contract.text) == (("question",), "question")
    bundle = app.train(dataset("question", "intent"), {}, LocalRun(tmp_path))
    [output] = Classifier().load(bundle).predict([{"question": "I lost my card"}])
    assert output["label"] == "card_lost"


def test_scores_are_right_and_calibration() -> None:
    row = example("text", "label", "where?", "a", "test")
    assert APP.score(row, {"label": "a", "confidence": 0.9}) == {
        "accuracy": 1.0,
        "calibration": pytest.approx(0.99),
    }
    assert APP.score(row, {"label": "b", "confidence": 0.9}) == {
        "accuracy": 0.0,
        "calibration": pytest.approx(0.19),
    }
    assert next(iter(APP.score(row, {"label": "a", "confidence": 1}))) == "accuracy"


def test_loading_needs_no_training_library(run: LocalRun) -> None:
    code = (
        "import sys; from pathlib import Path; from fullturn.subjects.text.app import Classifier;"
        f"Classifier().load(Path({str(run.directory)!r})).predict([{{'text': 'where?'}}]);"
        "heavy = {'sklearn', 'scipy.optimize', 'pandas', 'mlflow', 'wordllama'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_settings_name_the_roles_of_other_columns() -> None:
    data = DataSettings(
        text="q", label="y", id="n", group="user", time="day", slices=("lang",),
        columns={"y": "boolean"},
    )  # fmt: skip
    contract = Classifier(data).contract
    assert {column.name: (column.kind, column.role) for column in contract.columns} == {
        "q": ("text", "input"),
        "y": ("boolean", "label"),
        "n": ("category", "id"),
        "day": ("date", "time"),
        "lang": ("category", "slice"),
        "user": ("category", "group"),
        "split": ("category", "split"),
    }
    assert contract.key == ("n",)


def test_a_label_may_be_called_group_and_a_text_split() -> None:
    contract = Classifier(DataSettings(text="split", label="group")).contract
    assert [(column.name, column.role) for column in contract.columns] == [
        ("split", "input"), ("group", "label"), ("_group", "group"), ("_split", "split"),
    ]  # fmt: skip


def test_an_ignored_column_called_group_or_split_is_not_taken_for_one() -> None:
    data = DataSettings(text="q", label="y", ignore=("group", "split"))
    contract = Classifier(data).contract
    assert (contract.names("group"), contract.names("split")) == (("_group",), ("_split",))


def test_a_column_has_one_role() -> None:
    with pytest.raises(SettingsError, match="a column has one role"):
        Classifier(DataSettings(text="q", label="y", group="y"))
