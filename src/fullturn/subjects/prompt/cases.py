"""Cases as people have them, to rows: plain ones, promptfoo's tests, MLflow's datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fullturn.core.errors import DataError
from fullturn.core.wording import listed, shown

EXPECTED, RUBRIC, TAG = "expected", "rubric", "tag"
_EXPECTED = (
    "expected", "answer", "expected_output", "expected_response", "expected_answer", "label",
    "ideal", "reference", "target",
)  # fmt: skip
"""Names under which people write what is expected, the first that a case has."""
_NESTED = ("input", "inputs", "vars")
_OURS = ("id", "group", "split", RUBRIC)
_EQUAL = {"equals": "exact_match", "similar": "similarity"}
_CONTAINS = ("contains", "icontains", "contains-all", "icontains-all")
_RUBRICS = ("llm-rubric", "g-eval", "model-graded-closedqa", "factuality")


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows with their inputs, `expected`, `rubric`, `tag` and other columns of ours."""

    rows: tuple[Mapping[str, Any], ...]
    scorers: tuple[str, ...] = ()
    """Scorers that the cases ask for, by promptfoo's assertions."""
    notes: tuple[str, ...] = field(default=())
    """What was left out, a sentence each."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        ours = (*_OURS, EXPECTED, TAG)
        return tuple(dict.fromkeys(name for row in self.rows for name in row if name not in ours))


def cases_of(given: Any, placeholders: Sequence[str]) -> Cases:
    """The cases in what a file contains: a list of them, or a mapping with `tests`, as promptfoo
    has it; what a placeholder names is an input, whatever it is called.

    Raises:
        DataError: it is something else.
    """
    shared: Mapping[str, Any] = {}
    if isinstance(given, Mapping):
        shared = given.get("defaultTest") or {}
        given = given.get("tests", given.get("records"))
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise DataError(
            f"the cases are {shown(given)}; write a list of them, or a line of JSON each, such as "
            '{"question": "…", "expected": "…"}'
        )
    wrong = next((one for one in given if not isinstance(one, Mapping)), None)
    if wrong is not None:
        raise DataError(f"a case is {shown(wrong)}; write an object with its inputs")
    scorers, left_out = dict[str, None](), dict[str, None]()
    rows = []
    for one in given:
        row, asked, ignored = _row(_with(shared, one), placeholders)
        rows.append(row)
        scorers |= dict.fromkeys(asked)
        left_out |= dict.fromkeys(ignored)
    note = f"left out, as there is no scorer for them here: {listed(list(left_out))}"
    return Cases(tuple(rows), tuple(scorers), (note,) if left_out else ())


def _with(shared: Mapping[str, Any], case: Mapping[str, Any]) -> Mapping[str, Any]:
    """A case with what all of them share."""
    if not shared:
        return case
    variables = {**(shared.get("vars") or {}), **(case.get("vars") or {})}
    asserted = [*(shared.get("assert") or ()), *(case.get("assert") or ())]
    return {**case, "vars": variables, "assert": asserted}


def _row(
    case: Mapping[str, Any], placeholders: Sequence[str]
) -> tuple[dict[str, Any], list[str], list[str]]:
    """One case as a row, with the scorers that it asks for, and the assertions that it loses."""
    row = dict(_plain(case, placeholders))
    for name in _EXPECTED:
        if name in row and name not in placeholders:
            row[EXPECTED] = row.pop(name)
            break
    expected = case.get("expectations")
    if isinstance(expected, Mapping):
        row |= _of_expectations(expected)
    scorers, left_out = [], []
    for one in case.get("assert") or ():
        kind = str(one.get("type")) if isinstance(one, Mapping) else shown(one)
        if found := _of_assertion(kind, one):
            name, value, scorer = found
            row[name] = value
            scorers.append(scorer)
        else:
            left_out.append(kind)
    return row, scorers, left_out


def _plain(case: Mapping[str, Any], placeholders: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The columns of a case, those of its nested inputs and tags among them."""
    for name, value in case.items():
        if name in _NESTED and isinstance(value, Mapping) and name not in placeholders:
            yield from value.items()
        elif name == "tags" and name not in placeholders:
            yield from _tags(value)
        elif name not in ("assert", "expectations", "metadata", "description", "source") or (
            name in placeholders
        ):
            yield name, value


def _tags(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"tag_{name}", str(one)) for name, one in value.items())
    elif value:
        texts = [value] if isinstance(value, str) else list(value)
        yield TAG, ", ".join(map(str, texts))


def _of_expectations(expected: Mapping[str, Any]) -> dict[str, Any]:
    """What MLflow's expectations say: `expected_response` or `expected_facts`, and guidelines."""
    found = {}
    for name in ("expected_response", "expected_facts", *_EXPECTED):
        if expected.get(name) is not None:
            found[EXPECTED] = expected[name]
            break
    if guidelines := expected.get("guidelines"):
        texts = [guidelines] if isinstance(guidelines, str) else list(guidelines)
        found[RUBRIC] = "\n".join(map(str, texts))
    if not found and len(expected) == 1:
        found[EXPECTED] = next(iter(expected.values()))
    return found


def _of_assertion(kind: str, one: Any) -> tuple[str, Any, str] | None:
    value = one.get("value") if isinstance(one, Mapping) else None
    if value is None:
        return None
    if kind in _EQUAL:
        return EXPECTED, value, _EQUAL[kind]
    if kind in _CONTAINS:
        return EXPECTED, value, "contains"
    return (RUBRIC, value, "judge") if kind in _RUBRICS else None
