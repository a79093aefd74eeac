"""Bets on means, and losses estimated from confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.edetector import EDetector
from fullturn.statistics.rates import EstimatedLoss, MeanBets

steady = settings(deadline=None, derandomize=True, max_examples=60)
share = st.floats(0, 1).map(lambda value: round(value, 2))
pairs = st.lists(st.tuples(share, share), min_size=1, max_size=80)


@given(st.floats(0.01, 0.99), st.floats(0, 1))
@steady
def test_at_the_null_no_gambler_wins_on_average(null: float, low: float) -> None:
    low = low * null
    chance = (null - low) / (1 - low)
    high_factors, low_factors = MeanBets(null).factors([1.0, low])
    assert chance * high_factors + (1 - chance) * low_factors == pytest.approx(np.ones(9))
    assert (low_factors > 0).all()


def test_losses_need_not_be_yes_or_no() -> None:
    rng = np.random.default_rng(1)
    assert not EDetector(MeanBets(0.3), 1e4).fold(rng.beta(2, 5, 1000)).crossings
    assert EDetector(MeanBets(0.3), 1e4).fold(rng.beta(4, 4, 300)).crossings


@pytest.mark.parametrize("null", [0.0, 1.0, -0.1, float("nan")])
def test_a_null_at_the_edge_is_refused(null: float) -> None:
    with pytest.raises(StatisticsInputError, match="add a margin"):
        MeanBets(null)


@pytest.mark.parametrize("value", [1.1, -0.1, float("nan")])
def test_a_value_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(StatisticsInputError, match="outside"):
        MeanBets(0.1).factors([value])


@given(pairs)
@steady
def test_estimates_of_the_reference_average_to_its_loss(rows: list[tuple[float, float]]) -> None:
    sure, losses = (list(column) for column in zip(*rows, strict=True))
    found = EstimatedLoss.learned(sure, losses)
    assert found.of(sure).mean() == pytest.approx(np.mean(losses)) == pytest.approx(found.mean)
    assert found.losses.size == found.edges.size + 1
    assert ((found.of([-9.0, 0.5, 9.0]) >= 0) & (found.of([-9.0, 0.5, 9.0]) <= 1)).all()


def test_less_confidence_is_a_higher_estimated_loss_where_it_meant_that() -> None:
    rng = np.random.default_rng(2)
    sure = rng.random(400)
    found = EstimatedLoss.learned(sure, (rng.random(400) > sure) * 1.0)
    assert found.of([0.1])[0] > 0.7
    assert found.of([0.9])[0] < 0.3


def test_unpaired_columns_are_refused() -> None:
    with pytest.raises(StatisticsInputError, match="2 confidences and 1 losses"):
        EstimatedLoss.learned([0.1, 0.2], [1.0])
