"""Whether a label moves with time."""

from __future__ import annotations

import pytest
from scipy.stats import spearmanr

from fullturn.data.trend import rank_correlation, times_and_labels


def test_the_rank_correlation_is_spearmans_also_with_equal_values() -> None:
    one, other = [1.0, 1.0, 2.0, 5.0, 9.0, 9.0], [3.0, 1.0, 1.0, 8.0, 2.0, 7.0]
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation([1.0, 1.0], [1.0, 2.0]) == 0.0


def test_times_are_numbers_or_dates_and_rows_without_one_are_left_out() -> None:
    rows = [
        {"t": "2024-01-02", "y": "a"},
        {"t": "1066-10-14", "y": " b "},
        {"t": "soon", "y": "c"},
        {"t": None, "y": "d"},
        {"t": 7, "y": ""},
        {"t": "8.5", "y": 1},
    ]
    times, labels = times_and_labels(rows, "t", "y")
    assert labels == ["a", "b", "1"] and times[2] == 8.5 and times[1] < 0 < times[0]
