"""The plan of a detector, and the plans of detectors that a project adds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fullturn.core import plugins
from fullturn.core.entities import Input, Observation, Output, ScoredRow
from fullturn.core.errors import AppError, SettingsError
from fullturn.statistics.edetector import Bets
from fullturn.statistics.rates import MeanBets

Read = Callable[[Sequence[Observation]], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A detector before its average run length is known."""

    name: str
    what: str
    """What its alarm means, in a sentence."""
    bets: Bets
    read: Read
    """Values of observations that have what is read."""
    has: Callable[[Observation], bool]
    labelled: bool = False
    """Whether it reads losses; all others read answered requests."""


class RateDetector(ABC):
    """Base of custom detectors: it alarms when the mean of a value in [0, 1] rises.

    The first line of its docstring says what an alarm means. The mean may be as high as that of
    the reference (the validation rows of the champion), and `margin` above it. Each detector
    shares the declared budget of false alarms: with one more, all need a little more evidence.
    """

    name: ClassVar[str]
    margin: ClassVar[float] = 0.05

    @abstractmethod
    def value(self, row: Input, output: Output | None) -> float | None:
        """The value of an answered request, in [0, 1]; None if it is not known.

        `output` is None if there is no answer.
        """

    @classmethod
    def what(cls) -> str:
        """What an alarm says, in a sentence."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


def find(named: Sequence[str], root: Path | None) -> Mapping[str, RateDetector]:
    """The detectors that fullturn.toml names or installed packages offer, by name.

    Raises:
        SettingsError: one cannot be created, is not a RateDetector or has no name.
    """
    found = plugins.chosen("detector", named, root, RateDetector)
    for name, one in found.items():
        if not hasattr(one, "name"):
            raise SettingsError(f"detector '{name}' lacks `name`; see fullturn.RateDetector")
        if not 0 < one.margin < 1:
            raise SettingsError(f"detector '{name}': margin = {one.margin}; give one in (0, 1)")
    return found


def plans(
    custom: Mapping[str, RateDetector], reference: Sequence[ScoredRow], taken: Sequence[str]
) -> Iterator[Plan]:
    """Each detector with the highest mean without an alarm, if that can be exceeded at all.

    Raises:
        SettingsError: another detector has its name.
        AppError: a detector raised, or returned a value outside [0, 1].
    """
    names = set(taken)
    for origin, one in custom.items():
        if one.name in names:
            raise SettingsError(
                f"detector '{origin}' has the name '{one.name}' of another detector"
            )
        names.add(one.name)
        guarded = _Guarded(origin, one)
        values = [guarded(row.input, row.output) for row in reference]
        known = [value for value in values if value is not None]
        most = sum(known) / max(1, len(known)) + one.margin
        if most < 1:
            yield Plan(one.name, one.what(), MeanBets(most), guarded.read, guarded.is_readable)


class _Guarded:
    """A detector whose errors name it."""

    def __init__(self, origin: str, detector: RateDetector) -> None:
        self._what, self._detector = f"detector '{origin}'", detector

    def __call__(self, row: Input, output: Output | None) -> float | None:
        value = plugins.asked(self._what, lambda: self._detector.value(row, output))
        if value is None or 0 <= value <= 1:
            return value
        raise AppError(f"{self._what} returned {value!r}, not a number in [0, 1] or None")

    def is_readable(self, one: Observation) -> bool:
        """Whether it has a value for an observation."""
        return self(one.prediction.input, one.prediction.output) is not None

    def read(self, some: Sequence[Observation]) -> list[float | None]:
        """Its values, one of each observation."""
        return [self(one.prediction.input, one.prediction.output) for one in some]
