"""The standard normal distribution, against SciPy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from fullturn.statistics import normal


@given(st.floats(1e-300, 1, exclude_max=True))
def test_the_quantile_is_scipys(probability: float) -> None:
    expected = float(ndtri(probability))
    assert normal.quantile(probability) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(st.floats(-35, 35))
def test_the_chance_is_scipys(number: float) -> None:
    assert normal.chance_below(number) == pytest.approx(float(ndtr(number)), rel=1e-12, abs=1e-300)


def test_the_ends_are_infinite() -> None:
    assert (normal.quantile(0.0), normal.quantile(1.0)) == (-math.inf, math.inf)
    assert (normal.chance_below(-math.inf), normal.chance_below(math.inf)) == (0.0, 1.0)
