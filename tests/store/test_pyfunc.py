"""Rows as a model's signature wants them, and its answers as plain values."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullturn.store.pyfunc import ModelColumn, ModelFile, frame, listed

TYPES = ("double", "float", "long", "integer", "boolean", "string", "datetime")
ROW = {
    "double": 1.5, "float": 1.5, "long": 2.0, "integer": 2.0, "boolean": "true",
    "string": "Bern", "datetime": "2026-03-01",
}  # fmt: skip


def model(*types: str, tensor: str | None = None) -> ModelFile:
    columns = tuple(ModelColumn(name, name, required=True) for name in types)
    return ModelFile("mlflow.sklearn", "model.skops", "skops", False, columns, tensor)


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
    ("kind", "value"), [("long", 2.5), ("integer", None), ("boolean", "maybe")]
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
