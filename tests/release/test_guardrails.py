"""Guardrails: each name of the settings has a meaning, and words."""

from __future__ import annotations

from typing import get_args

from fullturn.core.settings import Guardrail, ReleaseSettings
from fullturn.release.guardrails import ANSWERS, WORDS
from tests.release.traffic import folded, in_shadow, shared


def test_every_guardrail_of_the_settings_is_defined_and_has_words() -> None:
    assert set(get_args(Guardrail)) == set(WORDS) == {*ANSWERS, "loss"}


def test_a_guardrail_that_is_named_twice_is_counted_once() -> None:
    observations = list(in_shadow(shared(0.1), 60, 1))
    once, twice = (
        folded(observations, ReleaseSettings(guardrails=names)).readings("shadow")[0].pairs
        for names in (("slow",), ("slow", "slow"))
    )
    assert once == twice == 60
