"""A heavy client waits for what it sent itself; others do not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Input
from fullturn.serving.fair_queue import FairQueue, Shares
from tests.serving.live import ROW, Lengths, live, together
from tests.waiting import wait_until

CALLS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1, 9)))


def order(queue: FairQueue[str]) -> str:
    return "".join(queue.pop()[1] for _ in range(len(queue)))


def test_callers_take_turns_whatever_came_first() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(6):
        queue.push(("heavy", ""), 1, "h")
    queue.push(("light", ""), 1, "l")
    assert order(queue) == "hlhhhhh"


def test_rows_count_not_requests() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(2):
        queue.push(("heavy", ""), 100, "h")
    for _ in range(5):
        queue.push(("light", ""), 1, "l")
    assert order(queue) == "hlllllh"


def test_who_was_idle_has_saved_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(4):
        queue.push(("steady", ""), 1, "s")
    assert [queue.pop()[1] for _ in range(3)] == ["s"] * 3
    for _ in range(3):
        queue.push(("idle", ""), 1, "i")
    assert order(queue) == "isii"


def test_a_host_that_invents_keys_gains_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(20):
        queue.push(("heavy", f"key-{number}"), 1, "h")
    for _ in range(3):
        queue.push(("light", ""), 1, "l")
    assert order(queue).index("lh") < 3 and order(queue) == ""


def test_keys_of_one_host_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(4):
        queue.push(("proxy", "heavy"), 1, "h")
    queue.push(("proxy", "anna"), 1, "a")
    assert order(queue) == "hahhh"


@given(CALLS, st.data())
def test_everything_comes_out_once_and_in_order_for_each_caller(
    calls: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    queue: FairQueue[tuple[int, tuple[str, str]]] = FairQueue()
    out: list[tuple[int, tuple[str, str]]] = []
    for number, (host, key, cost) in enumerate(calls):
        queue.push((host, key), cost, (number, (host, key)))
        if data.draw(st.booleans()):
            out.append(queue.pop()[1])
    while queue:
        cost = queue.next_cost
        found, entry = queue.pop()
        assert found == cost == calls[entry[0]][2]
        out.append(entry)
    assert sorted(number for number, _ in out) == list(range(len(calls)))
    for caller in {caller for _, caller in out}:
        numbers = [number for number, of in out if of == caller]
        assert numbers == sorted(numbers)


def test_one_caller_may_fill_the_queue_and_others_still_get_their_share() -> None:
    shares = Shares(100)
    assert shares.admit(("heavy", ""), 100) and not shares.admit(("heavy", ""), 1)
    assert shares.admit(("light", ""), 50) and not shares.admit(("light", ""), 1)
    assert shares.admit(("heavy", "other key"), 33), "a share among the callers of one host too"
    shares.release(("heavy", ""), 100)
    assert shares.total == 83 and shares.admit(("heavy", ""), 17)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10_000), st.integers(1, 50))))
def test_no_number_of_invented_keys_makes_the_queue_longer_than_twice_per_host(
    calls: list[tuple[str, int, int]],
) -> None:
    shares, admitted = Shares(100), []
    for host, key, rows in calls:
        if shares.admit((host, str(key)), rows):
            admitted.append(((host, str(key)), rows))
        assert shares.total <= 250
    for caller, rows in admitted:
        shares.release(caller, rows)
    assert shares.total == 0


def test_a_light_caller_is_answered_in_the_next_batch(tmp_path: Path) -> None:
    go_on, done = Event(), []

    def wait(rows: Sequence[Input]) -> None:
        go_on.wait(30)
        done.extend(row["n"] for row in rows)

    with live(tmp_path, Lengths(before=wait), batch_rows=2) as server:

        def ask(number: int) -> int:
            if number == 12:
                wait_until("all of the heavy caller", lambda: server.served.batcher.queued >= 12)
                return server.predict({**ROW, "n": 99}, key="anna").status_code
            return server.predict({**ROW, "n": number}, key="heavy").status_code

        def release(_: int) -> None:
            wait_until("all that were sent", lambda: server.served.batcher.queued == 13)
            go_on.set()

        assert together(14, lambda n: release(n) if n == 13 else ask(n))[:13] == [200] * 13
    assert done.index(99) <= 3, "in the batch after that under way, though it came last"
