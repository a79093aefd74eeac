"""The contract of a table, from settings."""

import pytest

from fullturn.core.errors import SettingsError
from fullturn.core.settings import DataSettings
from fullturn.data.rows import time_column
from fullturn.subjects.table import contract


def test_columns_get_the_roles_that_settings_name() -> None:
    data = DataSettings(label="churned", id="id", group="household", slices=("region",))
    found = contract(data, {"age": "number", "city": "category"}, "category", frozenset({"city"}))
    roles = {column.name: (column.kind, column.role, column.required) for column in found.columns}
    assert roles == {
        "id": ("category", "id", True),
        "age": ("number", "input", True),
        "city": ("category", "input", False),
        "household": ("category", "group", True),
        "region": ("category", "slice", False),
        "churned": ("category", "label", True),
    }
    assert found.key == ("id",) and found.text is None


def test_without_an_id_equal_inputs_may_have_different_labels() -> None:
    found = contract(DataSettings(label="y"), {"x": "number"}, "number")
    assert found.key == ("x", "y")


def test_the_only_text_may_be_perturbed() -> None:
    data = DataSettings(label="y")
    assert contract(data, {"a": "text", "b": "number"}, "category").text == "a"
    assert contract(data, {"a": "text", "b": "text"}, "category").text is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DataSettings(), r"\[data\] label is not set"),
        (DataSettings(label="x"), "x: a column has one role"),
        (DataSettings(label="y", id="y"), "a column has one role"),
        (DataSettings(label="y", slices=("x",)), "x: a column has one role"),
        (DataSettings(label="y", time_is_input=True), "name the column as .data. time"),
    ],
)
def test_a_column_has_one_role(data: DataSettings, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        contract(data, {"x": "number"}, "category")


def test_settings_may_name_the_kind_of_the_label_and_of_the_time() -> None:
    data = DataSettings(label="y", time="month", columns={"x": "date", "y": "boolean"})
    found = contract(data, data.columns, "category")
    assert [(one.name, one.kind, one.role) for one in found.columns] == [
        ("x", "date", "input"),
        ("month", "date", "time"),
        ("y", "boolean", "label"),
    ]
    assert found.key == ("x", "month", "y")
    numbered = data.model_copy(update={"columns": {"month": "number", "x": "date"}})
    assert contract(numbered, numbered.columns, "category").columns[1].kind == "number"


def test_ignored_columns_are_no_inputs() -> None:
    data = DataSettings(label="y", columns={"x": "number", "z": "number"}, ignore=("z",))
    assert contract(data, data.columns, "category").names("input") == ("x",)
    called_group = data.model_copy(update={"ignore": ("group",)})
    assert contract(called_group, data.columns, "category").names("group") == ("_group",)


def test_whole_numbers_have_one_spelling_only_where_settings_name_kinds() -> None:
    data = DataSettings(label="y", columns={"x": "category"})
    assert all(one.plain_numbers for one in contract(data, data.columns, "category").columns)
    signature = contract(DataSettings(label="y"), {"x": "category"}, "category")
    assert not any(one.plain_numbers for one in signature.columns)


def test_a_time_that_is_an_input_still_orders_the_rows() -> None:
    data = DataSettings(
        label="y", time="month", time_is_input=True, columns={"x": "number", "month": "number"}
    )
    found = contract(data, data.columns, "category")
    assert found.names("input") == ("x", "month") and found.names("time") == ()
    assert time_column(found) == "month" and found.key == ("x", "month", "y")
    apart = data.model_copy(update={"time_is_input": False})
    assert time_column(contract(apart, data.columns, "category")) == "month"
