"""Batches form by themselves, and every row of them gets its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.values import checked
from fullturn.serving import log
from fullturn.serving.answering import Pace, new_ids
from fullturn.serving.inputs import Rows
from tests.serving.live import CONTRACT, ROW, Lengths, live, together
from tests.waiting import wait_until


def test_rows_that_come_together_are_asked_together(tmp_path: Path) -> None:
    def wait_for_all(rows: Sequence[Input]) -> None:
        if len(model.batches) == 1:
            wait_until("the 40th request", lambda: server.served.batcher.queued == 40)

    model = Lengths(before=wait_for_all)
    with live(tmp_path, model) as server:
        answers = together(40, lambda n: server.predict({**ROW, "text": "x" * (n + 4)}, key=n))
        assert max(model.batches) > 1 and sum(model.batches) == 40
    for number, answer in enumerate(answers):
        label = "long" if number + 4 > 10 else "short"
        assert answer.json()["outputs"] == [{"label": label, "by": 1}]
        kept = next(one for one in log.predictions(tmp_path) if one.id == answer.json()["ids"][0])
        assert (kept.key, len(kept.input["text"])) == (str(number), number + 4)


def test_a_slow_model_is_asked_a_row_at_a_time() -> None:
    slow, quick, batch = Pace(0.25), Pace(0.25), Pace(0.25)
    for _ in range(10):
        slow.took(slow.rows, 0.5 * slow.rows)
        quick.took(quick.rows, 0.0001 * quick.rows)
        batch.took(batch.rows, 0.1 + 0.0001 * batch.rows)
    assert slow.rows == 1 and quick.rows > 1000 and batch.rows > 200


def test_ids_are_unique_and_lie_in_the_order_of_time() -> None:
    ids = [one for now in (5, 1_700_000_000_000) for one in new_ids(now, 1000)]
    assert len(set(ids)) == 2000 and all(len(one) == 32 for one in ids)
    assert max(ids[:1000]) < min(ids[1000:])


def verdict(row: Input, contract: Contract) -> object:
    columns = [column for column in contract.columns if column.role == "input"]
    if any(column.required and column.name not in row for column in columns):
        return "a row lacks '"
    try:
        return checked({column.name: row.get(column.name) for column in columns}, contract)
    except DataError as error:
        return str(error)


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-200, 200),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "nan", " NaN ", "  ", "a", "b ", "1e2", "1_0", "café", "cafe\u0301"]),
    st.text(max_size=8),
    st.text(alphabet="ab \t", min_size=995, max_size=1005),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*ROW, "texd"]), CELLS, max_size=5), CELLS, CELLS)
def test_the_short_way_checks_rows_as_the_contract_does(
    cells: dict[str, object], text: object, n: object
) -> None:
    for row in (cells, {**ROW, "text": text, "n": n}, {**ROW, **cells}):
        found = Rows(CONTRACT).checked([row])
        expected = verdict(row, CONTRACT)
        if isinstance(expected, str):
            assert found.refused and found.refused.startswith(expected)
        else:
            assert list(found.rows) == [expected] and found.refused is None
            assert repr(found.rows[0]) == repr(expected), "-0.0 and 1 are stored as 0.0 and 1.0"
