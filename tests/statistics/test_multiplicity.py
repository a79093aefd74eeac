"""Holm's adjustment against the closed test that it shortcuts."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.multiplicity import holm


def closed_test(p_values: dict[str, float]) -> dict[str, float]:
    """Reject a hypothesis when Bonferroni rejects every intersection that it is part of."""
    subsets = [s for r in range(1, len(p_values) + 1) for s in combinations(p_values, r)]
    return {
        name: max(min(1.0, len(s) * min(p_values[n] for n in s)) for s in subsets if name in s)
        for name in p_values
    }


p_values = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1), max_size=5)


@given(p_values)
def test_it_is_the_closed_bonferroni_test(given_p: dict[str, float]) -> None:
    assert holm(given_p) == pytest.approx(closed_test(given_p))


@given(p_values)
def test_it_raises_no_evidence_and_keeps_the_order(given_p: dict[str, float]) -> None:
    adjusted = holm(given_p)
    assert list(adjusted) == list(given_p)
    assert all(given_p[name] <= adjusted[name] <= 1 for name in given_p)
    for one, other in combinations(given_p, 2):
        if given_p[one] <= given_p[other]:
            assert adjusted[one] <= adjusted[other]


def test_the_textbook_example() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(StatisticsInputError, match="p-value of 'f1'"):
        holm({"accuracy": 0.2, "f1": p})
