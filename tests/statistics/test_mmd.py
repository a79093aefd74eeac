"""Vectors: the kernel, sentences of another subject, and a change that leaves the mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics import mmd
from fullturn.statistics.edetector import EDetector
from fullturn.statistics.mmd import Features, VectorBets
from fullturn.subjects.vectors import sentence_vectors

PARCELS = (
    "where is my parcel", "the parcel came late", "the driver lost my parcel",
    "deliver the box to a neighbour", "the delivery address is wrong", "my box arrived wet",
    "can I collect it at the depot", "the courier never rang the bell",
)  # fmt: skip
INVOICES = (
    "the invoice shows the wrong tax", "refund the invoice to my bank", "tax was charged twice",
    "which account do I pay into", "my bank refused the payment", "send me a receipt for the tax",
)  # fmt: skip


def test_features_approximate_the_kernel() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 5))
    features = Features(rows, rng).of(rows).astype(float)
    centred = rows - rows.mean(axis=0)
    squares = ((rows[:, None] - rows) ** 2).sum(axis=2)
    scale = np.median(np.sqrt(squares[np.triu_indices(200, 1)]))
    kernel = centred @ centred.T / scale**2 + np.exp(-squares / (2 * scale**2)) / 4
    assert np.abs(features @ features.T - kernel).max() < 0.25
    assert np.abs(features @ features.T - kernel).mean() < 0.03


def test_sentences_on_another_subject_are_found() -> None:
    rng = np.random.default_rng(2)
    reference, same = (rng.choice(PARCELS, n).tolist() for n in (200, 300))
    other = rng.choice(PARCELS + INVOICES, 200).tolist()
    detector = EDetector(VectorBets(sentence_vectors(reference)), 1e4)
    found = detector.fold(sentence_vectors(same + other)).crossings
    assert found and 300 <= found[0].row < 450


def test_a_change_that_leaves_the_mean_is_found() -> None:
    rng = np.random.default_rng(3)
    ring = rng.normal(size=(900, 2))
    ring[500:] = 1.5 * ring[500:] / np.linalg.norm(ring[500:], axis=1, keepdims=True)
    found = EDetector(VectorBets(rng.normal(size=(400, 2))), 1e3).fold(ring).crossings
    assert found and found[0].row >= 500


def test_a_large_bag_forgets_its_older_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmd, "LARGEST_BAG", 100)
    rng = np.random.default_rng(4)
    bets = VectorBets(rng.normal(size=(60, 3)))
    assert not EDetector(bets, 1e4).fold(rng.normal(size=(1500, 3))).crossings
    assert bets.remembered <= 150


def test_equal_vectors_and_empty_texts_are_no_change() -> None:
    rows = sentence_vectors(["", "hello"] * 50)
    detector = EDetector(VectorBets(rows[:40]), 1e4)
    assert not detector.fold(rows).crossings
    assert math.isfinite(detector.statistic)


def test_too_few_or_broken_vectors_are_refused() -> None:
    with pytest.raises(StatisticsInputError, match="5 reference vectors teach nothing"):
        VectorBets(np.ones((5, 2)))
    with pytest.raises(StatisticsInputError, match="must be finite"):
        VectorBets(np.ones((10, 2))).factors([[1.0, math.nan]])
