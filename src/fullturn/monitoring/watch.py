"""Monitoring of one version: observations in, alarms and the state of each detector out."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from fullturn.core.entities import Alarm, Contract, Observation, ScoredRow
from fullturn.core.errors import CouldNotEvaluate
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring.detectors import Detector, Vectors, detectors
from fullturn.monitoring.diagnosis import Case, diagnose
from fullturn.monitoring.plans import RateDetector
from fullturn.statistics.edetector import BLOCK, Crossing

WINDOW = 1000
"""Newest observations that a diagnosis uses."""


@dataclass(frozen=True, slots=True)
class DetectorState:
    """The state of a detector."""

    name: str
    what: str
    """What its alarm means."""
    requests: int
    """Observations that it has seen."""
    statistic: float
    threshold: float
    arl: float
    """Declared: the mean number of observations to a false alarm is at least this."""
    share: float
    """Of the way to the threshold, in [0, 1], on the scale of logarithms."""
    alarms: int
    last_alarm: int | None
    """Observations that it had seen at its last alarm."""
    resting: int
    """Observations that it will still be silent for: it restarted after an alarm."""
    curve: tuple[tuple[int, float], ...]
    """For a plot: observation numbers, and the largest statistic up to there since the last."""


class Watch:
    """Folds the observations of one version, in the order of the log.

    The same observations give the same alarms, in however many calls they arrive. `reference` is
    what the version was approved on. Traffic that differs from it from the start alarms at once:
    the version was not approved for it. `vectors` embeds texts; `custom` are detectors of the
    project, by origin; `without` names those that have nothing to read.

    Raises:
        CouldNotEvaluate: there are no reference rows.
    """

    def __init__(
        self,
        contract: Contract,
        reference: Sequence[ScoredRow],
        limits: MonitoringSettings,
        vectors: Vectors,
        custom: Mapping[str, RateDetector] = MappingProxyType({}),
        without: Collection[str] = (),
    ) -> None:
        if not reference:
            raise CouldNotEvaluate(
                "there are no reference rows to compare live requests with; evaluate the "
                "champion first: `fullturn gate`"
            )
        self._detectors = detectors(contract, reference, limits, vectors, custom, without)
        self._contract, self._reference = contract, tuple(reference)
        self._limits, self._vectors = limits, vectors
        self._answered: list[Observation] = []
        self._labelled: list[Observation] = []

    def observe(self, observations: Iterable[Observation]) -> list[Alarm]:
        """Fold the next observations; returns the alarms that they raise, in order."""
        taken, alarms = list(observations), list[Alarm]()
        for start in range(0, len(taken), BLOCK):
            alarms += self._block(taken[start : start + BLOCK])
        return alarms

    @property
    def states(self) -> tuple[DetectorState, ...]:
        """Every detector, in a fixed order."""
        return tuple(_state(detector) for detector in self._detectors)

    def diagnosed(self, alarm: Alarm) -> Alarm:
        """The alarm, diagnosed again with everything observed since.

        A broken pipeline shows in requests, not in labels: when those of the alarm are no longer
        stored, later ones, which may be sound, do not overturn the verdict.
        """
        is_complete = self._answered and self._answered[0].prediction.sequence <= alarm.sequence
        if alarm.diagnosis.verdict == "broken pipeline" and not is_complete:
            return alarm
        case = self._case(alarm.detector, alarm.began, self._answered, self._labelled)
        return replace(alarm, diagnosis=diagnose(case))

    def _block(self, observations: Sequence[Observation]) -> list[Alarm]:
        self._answered += [one for one in observations if one.loss is None]
        self._labelled += [one for one in observations if one.loss is not None]
        found = list[tuple[int, Alarm]]()
        for detector in self._detectors:
            part = [one for one in observations if (one.loss is not None) == detector.plan.labelled]
            seen, folded = detector.fold(part)
            for crossing in folded.crossings:
                at = next(n for n, one in enumerate(observations) if one is seen[crossing.row])
                later = len(seen) - crossing.row - 1
                found.append((at, self._alarm(detector, crossing, observations[at:], later)))
        del self._answered[:-WINDOW], self._labelled[:-WINDOW]
        return [alarm for _, alarm in sorted(found, key=lambda pair: pair[0])]

    def _alarm(
        self, detector: Detector, crossing: Crossing, rest: Sequence[Observation], later: int
    ) -> Alarm:
        """`rest`: the observations from the alarming one on, `later` of them the detector's."""
        # What was observed after the alarm in this call must not affect it.
        ignore = sum(one.loss is None for one in rest[1:])
        answered = _without(self._answered, ignore)
        labelled = _without(self._labelled, len(rest) - 1 - ignore)
        plan, at = detector.plan, rest[0].prediction
        readable = [one for one in (labelled if plan.labelled else answered) if plan.has(one)]
        began = readable[-min(crossing.since, len(readable))].prediction.sequence
        detector.alarms += 1
        detector.last = detector.edetector.count - later
        case = self._case(plan.name, began, answered, labelled)
        return Alarm(
            detector=plan.name,
            version=at.version,
            sequence=at.sequence,
            time=at.time,
            requests=detector.last,
            statistic=crossing.statistic,
            threshold=detector.edetector.arl,
            began=began,
            diagnosis=diagnose(case),
        )

    def _case(
        self,
        detector: str,
        began: int,
        answered: Sequence[Observation],
        labelled: Sequence[Observation],
    ) -> Case:
        return Case(
            detector=detector,
            contract=self._contract,
            reference=self._reference,
            answered=_since(began, answered),
            labelled=tuple(one for one in _since(began, labelled) if one.unscored is None),
            unscored=tuple(
                one.unscored for one in _since(began, labelled) if one.unscored is not None
            ),
            limits=self._limits,
            vectors=self._vectors,
        )


def _without(observations: list[Observation], last: int) -> list[Observation]:
    return observations[: len(observations) - last][-WINDOW:]


def _since(began: int, observations: Sequence[Observation]) -> tuple[Observation, ...]:
    return tuple(one for one in observations if one.prediction.sequence >= began)


def _state(detector: Detector) -> DetectorState:
    at, plan = detector.edetector, detector.plan
    return DetectorState(
        name=plan.name,
        what=plan.what,
        requests=at.count,
        statistic=at.statistic,
        threshold=at.arl,
        arl=at.arl,
        share=min(1.0, math.log1p(at.statistic) / math.log1p(at.arl)),
        alarms=detector.alarms,
        last_alarm=detector.last,
        resting=at.resting,
        curve=detector.curve.points(at.count),
    )
