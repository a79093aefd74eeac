"""Labels on a logarithmic scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fullturn.subjects.tabular.target import LogTarget


@given(arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e12, 1e12)))
def test_any_label_has_a_place_on_the_scale_and_comes_back(labels: np.ndarray) -> None:
    target = LogTarget.learn(labels)
    assert target.labels(target.scaled(labels)) == pytest.approx(labels, rel=1e-6, abs=1e-6)


def test_positive_labels_that_double_are_equally_far_apart() -> None:
    labels = np.array([1000.0, 2000.0, 4000.0])
    steps = np.diff(LogTarget.learn(labels).scaled(labels))
    assert steps == pytest.approx(np.log(2), abs=0.02)


def test_answers_go_no_farther_beyond_the_labels_than_these_are_wide() -> None:
    target = LogTarget.learn(np.array([10.0, 20.0, 40.0]))
    far = target.labels(np.array([-1e9, 1e9]))
    assert np.isfinite(far).all() and 0 < far[1] < 40 * 4.1
