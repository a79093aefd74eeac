"""Categories that training never had are counted by name."""

from __future__ import annotations

from typing import Any

import pytest

from fullturn.core.entities import Observation, Prediction
from fullturn.monitoring import unseen
from fullturn.monitoring.unseen import UnseenCategories, UnseenCategory


def observation(output: Any, loss: float | None = None) -> Observation:
    answered = Prediction("a", 1, 1, "champion", 1, "k", {"city": "x"}, output, 0.1)
    return Observation(answered, loss)


def test_each_request_counts_once_however_late_its_label_comes() -> None:
    counted = UnseenCategories()
    new = {"label": "a", "unseen": {"city": "Tokyo", "shop": "b"}}
    known: dict[str, Any] = {"label": "a"}
    counted.observe([observation(new), observation(new, 1.0), observation(known)])
    counted.observe([observation({"label": "a", "unseen": {"city": "Tokyo"}}), observation(None)])
    assert counted.found == (UnseenCategory("city", "Tokyo", 2), UnseenCategory("shop", "b", 1))


def test_another_meaning_of_the_name_is_not_counted() -> None:
    counted = UnseenCategories()
    counted.observe([observation({"unseen": True}), observation({"unseen": "Tokyo"})])
    assert counted.found == ()


def test_of_too_many_only_the_column_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unseen, "MOST", 2)
    counted = UnseenCategories()
    counted.observe(observation({"unseen": {"city": str(n)}}) for n in range(5))
    assert counted.found[0] == UnseenCategory("city", "others", 3)
