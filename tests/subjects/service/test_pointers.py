from __future__ import annotations

import pytest

from fullturn.subjects.service.pointers import at, placed

DOCUMENT = {"a": [{"b/c": 1}, {"~": 2}], "": 3}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", DOCUMENT), ("/a/0/b~1c", 1), ("/a/1/~0", 2), ("/", 3)],
)
def test_a_pointer_leads_into_objects_and_lists(pointer: str, value: object) -> None:
    assert at(DOCUMENT, pointer) == value


@pytest.mark.parametrize(
    ("pointer", "said"),
    [("/x", "no 'x' among a"), ("/a/2", "no element '2' in a list of 2"), ("/a/0/b~1c/d", "in 1")],
)
def test_a_pointer_to_nothing_says_what_is_there(pointer: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        at(DOCUMENT, pointer)


def test_a_value_is_placed_beside_other_fields() -> None:
    assert placed([1], "/data/rows", {"v": 2}) == {"v": 2, "data": {"rows": [1]}}
    assert placed({"x": 1}, "", {"v": 2}) == {"v": 2, "x": 1}
    assert placed([1], "", {}) == [1]
