"""The threshold of confidence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.subjects.assistant.tuning import UNTUNED, best_threshold

cases = st.lists(
    st.tuples(st.integers(1, 99).map(lambda n: n / 100), st.sampled_from([-1, 0, 1])),
    min_size=1,
    max_size=12,
)


def gain(found: list[tuple[float, int]], threshold: float) -> int:
    """What answering from this confidence on gains."""
    return sum(value for confidence, value in found if confidence >= threshold)


@settings(deadline=None, max_examples=200)
@given(cases)
def test_no_other_threshold_gains_more(found: list[tuple[float, int]]) -> None:
    chosen = gain(found, best_threshold(found))
    assert chosen == max(gain(found, number / 200) for number in range(202))


def test_the_cut_lies_between_the_cases() -> None:
    assert best_threshold([(0.9, 1), (0.2, -1)]) == 0.55


def test_if_everything_is_answerable_everything_is_answered() -> None:
    assert best_threshold([(0.4, 1), (0.6, 1)]) == 0.2


def test_if_nothing_is_answerable_nothing_is_answered() -> None:
    assert best_threshold([(0.9, -1)]) == 1.0


def test_without_cases_it_is_one_half() -> None:
    assert best_threshold([]) == UNTUNED
