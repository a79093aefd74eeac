"""A detector of one's own: it alarms as it says, and shares the budget of false alarms."""

from __future__ import annotations

import pytest

from fullturn import Input, Output, RateDetector
from fullturn.core.errors import AppError, SettingsError
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring.plans import find
from fullturn.monitoring.watch import Watch
from tests.monitoring.streams import CONTRACT, Row, reference, traffic, vectors

HERE = "tests.monitoring.test_plans"


class Heavy(RateDetector):
    """The share of heavy parcels rose."""

    name = "heavy"

    def value(self, row: Input, output: Output | None) -> float | None:
        return None if row["weight"] is None else float(row["weight"] > 6)


class Namesake(Heavy):
    """It has the name of another."""

    name = "quality"


class Unbounded(Heavy):
    """It counts kilograms."""

    def value(self, row: Input, output: Output | None) -> float | None:
        return float(row["weight"])


class Raises(Heavy):
    """It looks for what is not there."""

    def value(self, row: Input, output: Output | None) -> float | None:
        return float(row["height"])


class Unset(Heavy):
    """It lacks a setting."""

    def value(self, row: Input, output: Output | None) -> float | None:
        raise SettingsError("set HEAVY_FROM")


class Sure(Heavy):
    """It leaves no margin."""

    margin = 0.0


class Nameless(RateDetector):
    """It has no name."""

    def value(self, row: Input, output: Output | None) -> float | None:
        return 0.0


def watch(name: str = "Heavy", arl: int = 1000) -> Watch:
    custom = find([f"{HERE}:{name}"], None)
    return Watch(CONTRACT, reference(), MonitoringSettings(arl=arl), vectors, custom)


def heavier(row: Row, rng: object) -> Row:
    return row | {"weight": row["weight"] + 3.0}


def test_it_alarms_when_its_share_rises_and_not_before() -> None:
    watched = watch()
    found = watched.observe(traffic(900, begins=600, change=heavier))
    alarm = next(alarm for alarm in found if alarm.detector == "heavy")
    assert 1600 < alarm.sequence < 1700
    state = next(state for state in watched.states if state.name == "heavy")
    assert state.what == "The share of heavy parcels rose"


def test_it_shares_the_declared_budget_of_false_alarms() -> None:
    without = Watch(CONTRACT, reference(), MonitoringSettings(arl=1000), vectors).states
    states = watch().states
    assert len(states) == len(without) + 1
    assert sum(1 / state.arl for state in states) == pytest.approx(1 / 1000)


def test_unchanged_traffic_raises_no_alarm() -> None:
    assert watch(arl=10_000).observe(traffic(1500, seed=5)) == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("Namesake", SettingsError, "Namesake' has the name 'quality' of another detector"),
        ("Unbounded", AppError, r"Unbounded' returned .* not a number in \[0, 1\]"),
        ("Raises", AppError, "Raises' raised KeyError"),
        ("Unset", SettingsError, "^set HEAVY_FROM$"),
        ("Sure", SettingsError, "Sure': margin = 0.0"),
        ("Nameless", SettingsError, "Nameless' lacks `name`"),
    ],
)
def test_a_fault_names_the_detector(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        watch(name)
