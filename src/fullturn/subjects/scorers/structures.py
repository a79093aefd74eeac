"""Scorers of JSON: against a schema, and field by field; and of ranked lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fullturn.core import extras
from fullturn.core.errors import SettingsError
from fullturn.core.wording import shown
from fullturn.subjects.scorers.answer import Answer, Score

_ALMOST = 1e-9


def json_schema(schema: Mapping[str, Any]) -> Score:
    """1 where the answer is JSON of this schema."""
    validator = _validator(schema)
    return lambda answer: float(_is_json(answer) and validator.is_valid(answer.value))


def check_schema(schema: Any, where: str) -> None:
    """Refuse what is no JSON schema.

    Raises:
        SettingsError: it is none; says what is wrong.
    """
    library = extras.module("jsonschema")
    if not isinstance(schema, Mapping):
        raise SettingsError(f"{where} contains {shown(schema)}, which is no JSON schema")
    try:
        library.validators.validator_for(schema).check_schema(schema)
    except library.SchemaError as error:
        place = "/".join(map(str, error.absolute_path))
        raise SettingsError(f"{where} is no JSON schema: at '/{place}' {error.message}") from None


def fields() -> Score:
    """The share of the fields that are as expected, of all that are expected or answered.

    A field is a place in the JSON, such as `address.city` or `items.0`. Texts are equal but for
    case and spacing, numbers but for rounding; a field that is null is as good as absent.
    """
    return lambda answer: _agreement(answer.value, answer.expected)


def recall(first: str) -> Score:
    """The share of the expected items among the `first` ones of the answer, a list."""
    most = _count(first, "recall")
    return lambda answer: _recall(_items(answer.value)[:most], _items(answer.expected))


def mrr() -> Score:
    """1 ÷ the place of the first expected item in the answer, a list; 0 if there is none."""

    def score(answer: Answer) -> float:
        wanted = set(_items(answer.expected))
        places = [n for n, one in enumerate(_items(answer.value), start=1) if one in wanted]
        return 1 / places[0] if places else 0.0

    return score


def _validator(schema: Mapping[str, Any]) -> Any:
    library = extras.module("jsonschema")
    return library.validators.validator_for(schema)(schema)


def _is_json(answer: Answer) -> bool:
    return answer.value is not None


def _agreement(value: Any, expected: Any) -> float:
    found, wanted = dict(_leaves(value)), dict(_leaves(expected))
    names = {*found, *wanted}
    if not names:
        return 1.0
    return sum(_equal(found.get(name), wanted.get(name)) for name in names) / len(names)


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{place}.{number}")
    elif value is not None:
        yield place, value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold().split() == other.casefold().split()
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_ALMOST, abs_tol=_ALMOST)
    return bool(one == other)


def _items(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def _recall(found: Sequence[str], wanted: Sequence[str]) -> float:
    return sum(one in found for one in wanted) / len(wanted) if wanted else 1.0


def _count(given: str, name: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"scorer '{name}({given})': write a whole number, as in {name}(3)")
    return int(given)
