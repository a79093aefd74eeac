"""Rows as a model's signature wants them, and its answers as plain values."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullturn.store.model_process import (
    HEADER,
    ModelColumn,
    answer_message,
    batch_message,
    decoded,
    decoded_answer,
    listed,
    to_batch,
    to_frame,
)
from fullturn.store.pyfunc import ModelFile, inputs_of

TYPES = ("double", "float", "long", "integer", "boolean", "string", "datetime")
ROW = {
    "double": 1.5, "float": 1.5, "long": 2.0, "integer": 2.0, "boolean": "true",
    "string": "Bern", "datetime": "2026-03-01",
}  # fmt: skip


def model(*types: str, tensor: str | None = None) -> ModelFile:
    columns = tuple(ModelColumn(name, name, required=True) for name in types)
    return ModelFile("mlflow.sklearn", "model.skops", "skops", False, columns, tensor)


def frame(rows: list[dict[str, Any]], model: ModelFile, kinds: dict[str, str]) -> Any:
    """Rows as the model gets them, through the message to its process."""
    inputs = inputs_of(model, kinds)
    message = batch_message(to_batch(rows, inputs))
    size, kind = HEADER.unpack(message[: HEADER.size])
    body = message[HEADER.size :]
    assert size == len(body)
    return to_frame(decoded(kind, body), inputs)


def test_a_table_has_the_types_of_the_signature() -> None:
    found = frame([ROW], model(*TYPES), {})
    assert {name: str(found[name].dtype) for name in TYPES} == {
        "double": "float64", "float": "float32", "long": "int64", "integer": "int32",
        "boolean": "bool", "string": "object", "datetime": "datetime64[ns]",
    }  # fmt: skip
    assert found["boolean"].tolist() == [True]


def test_an_empty_number_is_nan_and_an_empty_text_stays_empty() -> None:
    found = frame([{"double": None, "string": None}], model("double", "string"), {})
    assert math.isnan(found["double"][0]) and found["string"][0] is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:00:00+02:00", "2026-03-01 10:00:00"),
        ("2026-03-01T12:00:00Z", "2026-03-01 12:00:00"),
        ("03/01/2026", "2026-03-01 00:00:00"),
    ],
)
def test_a_time_is_in_utc_and_has_no_zone(text: str, time: str) -> None:
    found = frame([{"datetime": text}, {"datetime": None}], model("datetime"), {})
    assert str(found["datetime"][0]) == time and pd.isna(found["datetime"][1])


def test_values_without_a_common_type_arrive_as_they_are() -> None:
    rows: list[dict[str, Any]] = [{"string": 1}, {"string": "x"}, {"string": [2.5, None]}]
    assert frame(rows, model("string"), {})["string"].tolist() == [1, "x", [2.5, None]]


@pytest.mark.parametrize(
    "answer",
    [
        {"values": ["a", None], "classes": ["a", "b"], "shares": [[0.25, 0.75], [1.0, 0.0]]},
        {"values": [1, 2]},
        {"values": [1.5, None, 2.0]},
        {"values": [True, False]},
        {"values": ["a", 1]},
        {"values": [2**70]},
        {"values": [{"label": "a"}, {"label": "b", "probabilities": {"a": 0.5}}]},
        {"values": [[0.5, 0.5], [1.0, 0.0]]},
        {"values": []},
    ],
)
def test_answers_cross_as_they_are(answer: dict[str, Any]) -> None:
    message = answer_message(answer)
    _, kind = HEADER.unpack(message[: HEADER.size])
    found = decoded_answer(kind, message[HEADER.size :])
    assert found == answer
    pairs = zip(found["values"], answer["values"], strict=True)
    assert all(type(a) is type(b) for a, b in pairs)


@pytest.mark.parametrize(
    ("kind", "value"), [("long", 2.5), ("long", math.inf), ("integer", None), ("boolean", "maybe")]
)
def test_a_value_that_does_not_fit_its_type_is_named(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"'{kind}' = {value!r}: the model's signature"):
        frame([{kind: value}], model(kind), {})


def test_without_a_signature_the_contract_says_the_types() -> None:
    found = frame([{"b": "x", "a": 1.0}], model(), {"a": "number", "b": "category"})
    assert list(found.columns) == ["a", "b"] and str(found["a"].dtype) == "float64"


def test_an_array_has_the_columns_in_the_order_of_the_contract() -> None:
    found = frame([{"b": 2.0, "a": 1.0}], model(tensor="float32"), {"a": "number", "b": "number"})
    assert found.tolist() == [[1.0, 2.0]] and found.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (np.array(["yes", "no"]), ["yes", "no"]),
        (np.array([[0.2, 0.8]]), [[0.2, 0.8]]),
        (np.array([[1], [2]]), [1, 2]),
        (pd.Series([1.5]), [1.5]),
        (pd.DataFrame({"prediction": [1, 2]}), [1, 2]),
        (pd.DataFrame({"label": ["a"], "p": [0.5]}), [{"label": "a", "p": 0.5}]),
        ([{"label": np.str_("a"), "n": np.int64(3)}], [{"label": "a", "n": 3}]),
        ((one for one in ("a", "b")), ["a", "b"]),
    ],
)
def test_answers_become_a_list_of_plain_values(given: Any, values: list[Any]) -> None:
    found = listed(given)
    assert found == values and all(type(a) is type(b) for a, b in zip(found, values, strict=True))


@pytest.mark.parametrize("given", ["yes", {"label": ["a"]}, 3.5, None])
def test_an_answer_that_is_no_list_of_rows_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="not a value for each row"):
        listed(given)
