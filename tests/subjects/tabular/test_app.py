"""Tabular models: from mixed columns to answers, through a bundle that runs no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.entities import Dataset, Example, Params
from fullturn.core.errors import BundleError, DataError, SettingsError, UsageError
from fullturn.core.settings import DataSettings, ModelSettings
from fullturn.subjects.bundle import comparable, unsafe_files
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App, Predictor
from fullturn.subjects.tabular.app import Tabular, TabularPredictor
from tests.subjects.tabular.tables import COLUMNS, app, dataset, rows
from tests.subjects.text.questions import LocalRun

DATA = dataset(rows(600))
APP = app()


def trained(params: Params, folder: Path, of: Tabular = APP, data: Dataset = DATA) -> LocalRun:
    folder.mkdir(parents=True)
    run = LocalRun(folder)
    of.train(data, params, run)
    return run


@pytest.fixture(scope="module")
def boosting(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return trained({"complexity": "low"}, tmp_path_factory.mktemp("boosting") / "bundle")


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return trained({"model": "linear"}, tmp_path_factory.mktemp("linear") / "bundle")


def mean(predictor: Predictor, of: Tabular, data: Dataset, score: str) -> float:
    examples = data.split("test")
    outputs = predictor.predict([one.input for one in examples])
    found = [of.score(one, out)[score] for one, out in zip(examples, outputs, strict=True)]
    return sum(found) / len(found)


def test_it_is_an_app_of_the_catalogue() -> None:
    assert isinstance(APP, App)
    assert isinstance(find("tabular"), Tabular)


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_it_learns_from_numbers_categories_booleans_dates_and_texts(
    model: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(model)
    predictor = APP.load(run.directory)
    assert mean(predictor, APP, DATA, "accuracy") > 0.9
    assert mean(predictor, APP, DATA, "one_minus_brier") > 0.93
    assert mean(APP.baseline(DATA), APP, DATA, "one_minus_brier") < 0.8
    assert unsafe_files(run.directory) == []


def test_boosted_trees_log_how_the_error_on_other_rows_falls(boosting: LocalRun) -> None:
    losses = [metrics["curve.log_loss"] for metrics in boosting.steps.values()]
    assert len(losses) > 5 and losses[-1] < losses[0] / 2


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_an_answer_does_not_depend_on_the_rows_beside_it(
    model: str, request: pytest.FixtureRequest
) -> None:
    predictor = APP.load(request.getfixturevalue(model).directory)
    inputs = [one.input for one in DATA.split("test")[:40]]
    together = predictor.predict(inputs)
    assert together == [predictor.predict([one])[0] for one in inputs]
    assert predictor.predict([]) == []


def test_the_same_rows_and_seed_give_the_same_files(boosting: LocalRun, tmp_path: Path) -> None:
    again = trained({"complexity": "low"}, tmp_path / "again")
    for name in ("model.json", "arrays.safetensors"):
        one, other = boosting.directory / name, again.directory / name
        assert one.read_bytes() == other.read_bytes()


def test_an_answer_is_json_with_the_probability_of_every_label(linear: LocalRun) -> None:
    (output,) = APP.load(linear.directory).predict([DATA.examples[0].input])
    assert comparable(output) == output
    assert sorted(output["probabilities"]) == ["no", "yes"]
    assert output["confidence"] == output["probabilities"][output["label"]]
    assert sum(output["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_a_category_that_training_never_had_is_named(
    model: str, request: pytest.FixtureRequest
) -> None:
    predictor = APP.load(request.getfixturevalue(model).directory)
    row = DATA.examples[0].input
    known, new, none = predictor.predict(
        [row, {**row, "city": "Tokyo", "member": "true"}, {**row, "city": None}]
    )
    assert "unseen" not in known and "unseen" not in none
    assert new["unseen"] == {"city": "Tokyo"}


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_missing_cells_and_absent_columns_are_the_same(
    model: str, request: pytest.FixtureRequest
) -> None:
    predictor = APP.load(request.getfixturevalue(model).directory)
    row = dict(DATA.examples[0].input)
    absent = {name: value for name, value in row.items() if name != "income"}
    one, other, nan = predictor.predict(
        [{**row, "income": None}, absent, {**row, "income": float("nan")}]
    )
    assert one == other == nan
    assert predictor.predict([dict.fromkeys(COLUMNS)])[0]["label"] in ("yes", "no")


def test_cells_of_another_kind_are_refused_with_their_column(linear: LocalRun) -> None:
    predictor, row = APP.load(linear.directory), DATA.examples[0].input
    with pytest.raises(DataError, match="'age' is 'old', not a number"):
        predictor.predict([{**row, "age": "old"}])
    with pytest.raises(DataError, match="'joined' is 'soon', not a date"):
        predictor.predict([{**row, "joined": "soon"}])
    with pytest.raises(DataError, match="'age' is inf"):
        predictor.predict([{**row, "age": float("inf")}])


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_a_number_is_predicted_in_its_unit(model: str, tmp_path: Path) -> None:
    of, data = app("regression", scale=2.0), dataset(rows(600), "points")
    run = trained({"model": model, "complexity": "low"}, tmp_path / "bundle", of, data)
    predictor = of.load(run.directory)
    assert mean(predictor, of, data, "closeness") > 0.75
    assert mean(of.baseline(data), of, data, "closeness") < 0.6
    (output,) = predictor.predict([data.examples[0].input])
    assert list(output) == ["value"] and isinstance(output["value"], float)


def prices(months: range) -> Dataset:
    """A price that falls by 2 % a month and has a part that no straight line follows."""
    found = [
        Example(
            f"{month}.{size}",
            {"month": float(month), "size": float(size)},
            {"left": (900.0 + 400.0 * (size % 3 == 0)) * 0.98**month},
            f"{month}.{size}",
            "train",
        )
        for month in months
        for size in range(12)
    ]
    return Dataset(DATA.version, tuple(found))


def timed() -> Tabular:
    columns: Any = {"month": "number", "size": "number"}
    data = DataSettings(label="left", columns=columns, time="month", time_is_input=True)
    return Tabular(data, ModelSettings(task="regression", scale=400.0))


@pytest.mark.parametrize("target", ["label", "log"])
def test_trees_on_a_line_go_no_farther_with_other_columns(target: str, tmp_path: Path) -> None:
    of = timed()
    run = trained({"model": "combined", "target": target}, tmp_path / "b", of, prices(range(24)))
    largest, beyond = of.load(run.directory).predict(
        [{"month": 5.0, "size": 11.0}, {"month": 5.0, "size": 1000.0}]
    )
    assert beyond == largest


def test_trees_on_a_line_go_on_with_a_trend_where_trees_alone_stop(tmp_path: Path) -> None:
    of = timed()
    later = prices(range(24, 30)).examples

    def error(params: Params, name: str) -> float:
        run = trained(params, tmp_path / name, of, prices(range(24)))
        assert unsafe_files(run.directory) == []
        answers = of.load(run.directory).predict([one.input for one in later])
        errors = [
            abs(answer["value"] - one.expected["left"])
            for answer, one in zip(answers, later, strict=True)
        ]
        return sum(errors) / len(errors)

    stops = error({"model": "boosting"}, "boosting")
    assert error({"model": "combined"}, "combined") < 0.6 * stops
    assert error({"model": "combined", "target": "log"}, "log") < 0.2 * stops
    assert error({"model": "linear", "target": "log"}, "linear") > 0.5 * stops


def test_a_bundle_of_an_earlier_version_still_answers(linear: LocalRun, tmp_path: Path) -> None:
    for path in linear.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    record = json.loads((tmp_path / "model.json").read_text())
    del record["target"], record["is_combined"]
    (tmp_path / "model.json").write_text(json.dumps(record))
    row = DATA.examples[0].input
    assert APP.load(tmp_path).predict([row]) == APP.load(linear.directory).predict([row])


def test_closeness_is_one_minus_the_error_over_the_scale() -> None:
    of = app("regression", scale=10.0)
    row = Example("1", {}, {"left": 20.0}, "1", "test")
    assert of.score(row, {"value": 25.0}) == {"closeness": 0.5}
    assert of.score(row, {"value": 90.0}) == {"closeness": 0.0}


def test_one_minus_brier_is_that_of_all_labels() -> None:
    row = Example("1", {}, {"left": "no"}, "1", "test")
    shares = {"no": 0.5, "yes": 0.25, "later": 0.25}
    output = {"label": "no", "confidence": 0.5, "probabilities": shares}
    expected = 1 - (0.5**2 + 0.25**2 + 0.25**2) / 2
    assert APP.score(row, output)["one_minus_brier"] == pytest.approx(expected)
    other = Example("1", {}, {"left": "never"}, "1", "test")
    sure = {"label": "no", "confidence": 1.0, "probabilities": {"no": 1.0, "yes": 0.0}}
    assert APP.score(other, sure) == {"one_minus_brier": 0.0, "accuracy": 0.0}


@pytest.mark.parametrize("model", ["boosting", "linear"])
def test_with_class_weights_rare_labels_are_found_and_probabilities_stay_honest(
    model: str, tmp_path: Path
) -> None:
    found = rows(1200, seed=4)
    yes = [row for row in found if row["left"] == "yes"]
    some = [row for row in found if row["left"] == "no"] + yes[: len(yes) // 8]
    some.sort(key=lambda row: (row["joined"], row["age"]))
    few = dataset([{**row, "note": "", "city": "Berlin"} for row in some])
    params: Params = {"model": model, "complexity": "low"}
    of = app(age="number", member="boolean", joined="date")
    plain = of.load(trained(params, tmp_path / "plain", of, few).directory)
    balanced: Params = {**params, "class_weight": "balanced"}
    weighted = of.load(trained(balanced, tmp_path / "weighted", of, few).directory)
    test = few.split("test")

    def share(predictor: TabularPredictor, read: Any) -> float:
        outputs = predictor.predict([one.input for one in test])
        return sum(float(read(out)) for out in outputs) / len(test)

    said = [share(one, lambda out: out["label"] == "yes") for one in (plain, weighted)]
    sure = [share(one, lambda out: out["probabilities"]["yes"]) for one in (plain, weighted)]
    assert said[1] > 1.5 * said[0]
    assert abs(sure[0] - sure[1]) < 0.06


def test_a_bundle_with_other_types_is_refused(linear: LocalRun, tmp_path: Path) -> None:
    from skops.io import dump

    for path in linear.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    dump(Path("somewhere"), tmp_path / "estimator.skops")
    with pytest.raises(BundleError, match="not a tabular bundle"):
        APP.load(tmp_path)


def test_a_label_with_one_value_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    same = dataset([{**row, "left": "no"} for row in rows(20)])
    with pytest.raises(DataError, match="'left' has 1 value in them: there is nothing to learn"):
        APP.train(same, APP.defaults, LocalRun(tmp_path))


def test_without_a_scale_the_error_proposes_one(tmp_path: Path) -> None:
    data = dataset(rows(200), "points")
    with pytest.raises(SettingsError, match=r"scale is not set .* for example 2, the width"):
        app("regression").train(data, APP.defaults, LocalRun(tmp_path))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"model": "forest"}, "model = 'forest': allowed is boosting, combined, linear"),
        ({"complexity": 3}, "complexity = 3: allowed is low, medium, high"),
        ({"categories": 0}, "categories = 0: allowed is 1 to 250"),
        ({"categories": True}, "categories = True"),
        ({"modle": "linear"}, "no parameter 'modle'.*'model'"),
        ({"model": "combined"}, "model = 'combined' is for a regression"),
        ({"target": "log"}, "target = 'log' is for a regression"),
    ],
)
def test_wrong_parameters_are_refused(params: Params, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        APP.check_parameters(params)


def test_columns_must_be_named() -> None:
    with pytest.raises(SettingsError, match=r"\[data.columns\] is not set"):
        _ = Tabular(DataSettings(label="left")).contract
    with pytest.raises(SettingsError, match="tags = 'json'"):
        _ = app(tags="json").contract
