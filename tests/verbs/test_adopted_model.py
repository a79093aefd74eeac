"""What is concluded from a model's answers and a table, on records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fullturn.core import settings
from fullturn.core.errors import DataError
from fullturn.store.model_process import ModelColumn
from fullturn.store.pyfunc import ModelFile
from fullturn.verbs.parts.adopted_model import (
    Allowed,
    Asked,
    DataFiles,
    Head,
    Roles,
    Said,
    classification,
    columns_of,
    lines,
)

LABELS = ["no", "yes", "no"]
SAID = Said(Roles("left"), Allowed())


@pytest.mark.parametrize(
    ("answer", "labels", "classes", "probabilities"),
    [
        ({"values": ["no", "yes"]}, LABELS, (), False),
        ({"values": ["no"], "classes": ["no", "yes"], "shares": [[0.9, 0.1]]}, LABELS, (), True),
        ({"values": [[0.9, 0.1], [0.2, 0.8]]}, LABELS, ("no", "yes"), True),
        ({"values": [0.1, 0.8]}, LABELS, ("no", "yes"), True),
        ({"values": [0.1, 0.8]}, ["1.0", "0"], ("0", "1"), True),
        ({"values": [{"label": "no", "probabilities": {"no": 0.9}}]}, LABELS, (), True),
        ({"values": [True, False]}, ["True", "FALSE"], (), False),
        ({"values": [1.0, 0.0]}, ["1", "0"], (), False),
    ],
)
def test_answers_say_how_labels_are_read(
    answer: dict[str, Any], labels: list[str], classes: tuple[str, ...], probabilities: bool
) -> None:
    found = classification("models:/m/1", answer, labels)
    assert (found.classes, found.probabilities) == (classes, probabilities)


def test_labels_that_are_not_those_of_the_table_are_named() -> None:
    with pytest.raises(DataError, match="m/1 answers 0, 1, and the label of the data is no, yes"):
        classification("models:/m/1", {"values": [0, 1]}, LABELS)
    with pytest.raises(DataError, match="answers 3 probabilities, and the label has 2 values"):
        classification("models:/m/1", {"values": [[0.1, 0.2, 0.7]]}, LABELS)


def model(**types: str) -> ModelFile:
    columns = tuple(ModelColumn(name, kind, name != "extra") for name, kind in types.items())
    return ModelFile("mlflow.sklearn", "", None, False, columns, None)


ROWS = [
    {"age": "31", "city": "Bern", "paid": "true", "since": "2026-01-02", "left": "no"},
    {"age": "", "city": "Basel", "paid": "false", "since": "2026-02-03", "left": "yes"},
] * 20  # fmt: skip


def test_the_signature_says_the_kinds_and_the_table_what_may_be_missing() -> None:
    reads = model(age="double", city="string", paid="boolean", since="datetime", extra="double")
    found = columns_of("models:/m/1", reads, ROWS, SAID)
    assert found.kinds == {
        "age": "number", "city": "category", "paid": "boolean", "since": "date"
    }  # fmt: skip
    assert found.optional == ("age",)


def test_a_whole_number_may_not_be_missing_as_mlflow_refuses_it() -> None:
    assert columns_of("models:/m/1", model(age="long"), ROWS, SAID).optional == ()


def test_a_column_that_the_table_lacks_is_named() -> None:
    with pytest.raises(DataError, match="reads Age, which the data lack; did you mean 'age'"):
        columns_of("models:/m/1", model(Age="double"), ROWS, SAID)


def test_a_time_that_is_a_number_has_its_kind(tmp_path: Path) -> None:
    rows = [{"age": "31", "month": str(n % 12), "left": "no"} for n in range(40)]
    said = Said(Roles("left", time="month"), Allowed())
    columns = columns_of("models:/m/1", model(age="double"), rows, said)
    head = Head("m-adopted", "models:/m", None)
    asked = Asked("classification", "as you said")
    text = lines(head, DataFiles("rows.csv"), columns, asked, said)
    (tmp_path / settings.FILE).write_text("\n".join(text), encoding="utf-8")
    assert settings.read(tmp_path).data.columns == {"age": "number", "month": "number"}


def test_the_lines_are_settings_whatever_names_and_reasons_contain(tmp_path: Path) -> None:
    odd = 'a "b" \\ #c\x7f'
    rows = [{odd: "1", "left": "no"}, {odd: "2", "left": "yes"}]
    columns = columns_of("models:/m/1", model(**{odd: "string"}), rows, SAID)
    head = Head("m-adopted", "models:/m", "http://127.0.0.1:5000")
    asked = Asked("regression", "two\nlines", scale=2.5)
    text = lines(head, DataFiles("rows.csv"), columns, asked, SAID)
    (tmp_path / settings.FILE).write_text("\n".join(text), encoding="utf-8")
    found = settings.read(tmp_path)
    assert found.data.columns == {odd: "category"} and found.model.scale == 2.5
    assert found.gates.margins == {"mae": 0.075, "r2": 0.03}
    assert found.tracking_uri == "http://127.0.0.1:5000"
