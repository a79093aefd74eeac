"""The ledger of releases: one at a time, and each is decided once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.tags import ReleaseEntryTags
from fullturn.release import ledger
from fullturn.release.ledger import Decided, Process
from fullturn.store import Store

GOOD = Decided("promote", "PASSED", "it is good", "controller")
ABORT = Decided("roll back", "INCONCLUSIVE", "aborted", "me")
RUNS, OTHERS = "a" * 32, "b" * 32


def begins(run: str) -> ReleaseEntryTags:
    return ReleaseEntryTags(release=run, event="begin")


def ends(run: str, ending: str, seen: int = 0) -> ReleaseEntryTags:
    return ReleaseEntryTags(release=run, event="end", ending=ending, seen=seen)


A, B = Process("a", 1, "0", "state"), Process("b", 1, "0", "state")


def named(process: Process) -> str:
    return json.dumps(asdict(process))


ENTRIES = st.lists(
    st.builds(
        ReleaseEntryTags,
        release=st.sampled_from(["a", "b", "c", None]),
        event=st.sampled_from(["begin", "control", "end", "other", None]),
        ending=st.sampled_from(["promote", "roll back", None]),
        seen=st.integers(0, 6) | st.none(),
        control=st.integers(0, 6) | st.none(),
        controller=st.sampled_from([*map(named, (A, B)), "[]", "{", None]),
    ),
    max_size=12,
)


def test_the_first_decision_counts(store: Store) -> None:
    ledger.begin(store, RUNS)
    assert ledger.end(store, RUNS, ABORT).decisions[RUNS].ending == "roll back"
    book = ledger.end(store, RUNS, GOOD)
    assert book.decisions[RUNS] == Decided("roll back", "INCONCLUSIVE", "aborted", "me", 2)
    assert book.under_way is None


def test_a_decision_is_replaced_only_by_one_that_names_it(store: Store) -> None:
    number = ledger.end(store, RUNS, GOOD).decisions[RUNS].number
    assert ledger.end(store, RUNS, ABORT).decisions[RUNS].ending == "promote"
    assert ledger.end(store, RUNS, ABORT, replaces=number).decisions[RUNS].ending == "roll back"
    assert ledger.end(store, RUNS, GOOD, replaces=number).decisions[RUNS].ending == "roll back"


def test_of_two_that_take_control_the_first_has_it(store: Store) -> None:
    ledger.begin(store, RUNS)
    first = ledger.take(store, RUNS, A)[0].controls[RUNS]
    assert first.process == A
    assert ledger.take(store, RUNS, B)[0].controls[RUNS] == first
    second = ledger.take(store, RUNS, B, replaces=first.number)[0].controls[RUNS]
    assert second.process == B
    assert RUNS not in ledger.end(store, RUNS, replace(GOOD, control=first.number)).decisions
    book = ledger.end(store, RUNS, replace(GOOD, control=second.number))
    assert book.decisions[RUNS].ending == "promote"


def test_one_release_at_a_time(store: Store) -> None:
    assert ledger.begin(store, RUNS).under_way == RUNS
    book = ledger.begin(store, OTHERS)
    assert (book.under_way, book.rejected) == (RUNS, {OTHERS})
    ledger.end(store, RUNS, ABORT)
    later = ledger.begin(store, "c" * 32)
    assert (later.under_way, later.rejected) == ("c" * 32, {OTHERS})


def test_a_request_that_a_server_was_sent_twice_changes_nothing() -> None:
    entries = [begins("a"), begins("a"), ends("a", "promote"), ends("a", "promote")]
    book = ledger.replay(enumerate(entries, 1))
    assert book.decisions["a"].number == 3 and book.rejected == set()


def test_entries_of_others_in_the_same_model_are_passed_over() -> None:
    foreign = ReleaseEntryTags.read({"team": "a", "fullturn.event": "begin"})
    book = ledger.replay(enumerate([foreign, begins("a"), ReleaseEntryTags()], 1))
    assert book.under_way == "a"


@given(ENTRIES)
def test_what_was_decided_stays_unless_a_later_entry_names_it(
    entries: list[ReleaseEntryTags],
) -> None:
    before = ledger.Ledger()
    for length in range(1, len(entries) + 1):
        book = ledger.replay(enumerate(entries[:length], 1))
        for run, decided in before.decisions.items():
            now, last = book.decisions[run], entries[length - 1]
            assert now == decided or (last.seen == decided.number and now.number == length)
        for run, control in before.controls.items():
            now_in, last = book.controls[run], entries[length - 1]
            assert now_in == control or (last.seen == control.number and now_in.number == length)
        for run in book.decisions.keys() - before.decisions.keys():
            by = entries[length - 1].control
            assert by is None or by == (book.controls[run].number if run in book.controls else 0)
        assert book.under_way not in book.decisions
        assert not book.begun & book.rejected
        before = book
