"""The evidence of one release, folded from observations in the order of the log.

Each guardrail has one fortune for the whole release, staked on "worse" pair by pair. In shadow,
where pairs decide early, four fifths of it are staked; the rest is reserved, so that the canary
never starts with nothing to stake. Sums of such bets are bets, so the fortune exceeds 1/a with
probability at most a if the version is not worse (Ville's inequality), in both stages together,
however often one looks, and with late labels: each is staked on when it arrives.

Answers of one batch may fail or be late together: a pause of the machine is one event. Of those
that fail with the same message, or are slow, only the first is staked on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fullturn.core.entities import Arm, Observation, Output, Prediction
from fullturn.core.settings import Guardrail, ReleaseSettings
from fullturn.release.guardrails import ANSWERS
from fullturn.release.pairing import CanaryPairs, Copies, Pair, Remembered, Value
from fullturn.release.records import Limits, Reading, Stage
from fullturn.statistics.sequential import EProcess, mean_bounds

RESERVED = 0.2
"""Share of each guardrail's fortune that shadow does not touch."""
CONFIDENCE = "confidence"
"""The output column that is not compared: it differs with every training."""
_ARMS: Mapping[Stage, tuple[Arm, Arm]] = {
    "shadow": ("shadow", "champion"),
    "canary": ("canary", "baseline"),
}
_LARGEST = 700.0
"""Logarithm of the largest evidence that is reported; a float can represent it."""


def reserved_share(settings: ReleaseSettings) -> float:
    """Share of a fortune that is left for the canary; all of it if there is no shadow."""
    return RESERVED if settings.shadow_requests else 1.0


class Comparison:
    """One guardrail in one stage."""

    def __init__(self, margin: float) -> None:
        self.worse = EProcess()
        self.not_worse = EProcess(-margin)
        self.pairs = self.discordant = 0
        self._differences: Counter[float] = Counter()
        self._candidate = self._champion = 0.0

    def add(self, pair: Pair) -> None:
        """Take a pair; a repeated symptom counts neither against a version nor for the other.

        With one exception: for promotion everything against the candidate counts.
        """
        candidate, champion, first = pair
        difference = candidate.bad - champion.bad
        counts = difference >= 0 or not champion.repeated
        if counts and (difference <= 0 or not candidate.repeated):
            self.worse.update(difference)
            self.discordant += difference != 0
        if counts and first:
            self.not_worse.update(-difference)
        if first:
            self._measure(candidate.bad, champion.bad)

    def _measure(self, candidate: float, champion: float) -> None:
        self.pairs += 1
        self._candidate += candidate
        self._champion += champion
        # Rounded, so that it takes the same space after a million graded losses.
        self._differences[round(candidate - champion, 2)] += 1

    @property
    def means(self) -> tuple[float, float]:
        """Of the candidate and of the champion; 0 before the first pair."""
        return self._candidate / max(1, self.pairs), self._champion / max(1, self.pairs)

    def bounds(self, alpha: float) -> tuple[float, float]:
        """On the difference, at all times together; differences are rounded to 0.01."""
        if not self.pairs:
            return -1.0, 1.0
        values, counts = zip(*self._differences.items(), strict=True)
        return mean_bounds(np.array(values), np.array(counts), alpha)


class Watched:
    """One guardrail of a release: a comparison per stage, and the fortune of both.

    `reserved` is the share of the fortune that shadow does not touch.
    """

    def __init__(self, margin: float, reserved: float = 1.0) -> None:
        self.stages: Mapping[Stage, Comparison] = {
            "shadow": Comparison(margin),
            "canary": Comparison(margin),
        }
        self._reserved = reserved
        self.log_peak = 0.0

    def add(self, stage: Stage, pair: Pair) -> None:
        self.stages[stage].add(pair)
        self.log_peak = max(self.log_peak, self.log_worse)

    @property
    def log_worse(self) -> float:
        in_shadow, in_canary = (self.stages[s].worse.log_e for s in ("shadow", "canary"))
        if self._reserved == 1:
            return in_canary
        larger = max(in_shadow, 0.0)
        staked = (1 - self._reserved) * math.exp(in_shadow - larger)
        return larger + math.log(self._reserved * math.exp(-larger) + staked) + in_canary

    def reading(
        self,
        name: str,
        stage: Stage,
        limits: Limits,
        number: int,
        *,
        asked: bool = True,
        clipped: float = 0.0,
    ) -> Reading:
        """What this guardrail, one of `number`, shows in a stage."""
        compared = self.stages[stage]
        candidate, champion = compared.means
        # Twice: a bound on one side is the promotion's, and its level is that of `not_worse`.
        low, high = compared.bounds(2 * limits.alpha)
        return Reading(
            guardrail=name,
            pairs=compared.pairs,
            staked=compared.worse.count,
            discordant=compared.discordant,
            champion=champion,
            candidate=candidate,
            low=low,
            high=high,
            confidence=1 - 2 * limits.alpha,
            worse=_evidence(self.log_worse),
            worse_peak=_evidence(self.log_peak),
            worse_at=number / limits.alpha,
            not_worse=_evidence(compared.not_worse.log_e),
            not_worse_at=1 / limits.alpha,
            asked=asked,
            clipped=clipped,
        )


class _Seen(NamedTuple):
    """What a shadow is compared on besides the loss."""

    values: tuple[Value, ...]
    """Of each guardrail of answers, in the order of the settings."""
    output: bytes | None


class Evidence:
    """The evidence of one release. The same observations give the same evidence."""

    def __init__(self, settings: ReleaseSettings) -> None:
        self.settings = settings
        reserved = reserved_share(settings)
        self._watched = {name: Watched(settings.margin, reserved) for name in settings.guardrails}
        self._of_answers = [name for name in self._watched if name in ANSWERS]
        self._pairings = {name: CanaryPairs() for name in settings.guardrails}
        self._copies, self._labelled_copies = Copies[_Seen](), Copies[Value]()
        self._labelled = Remembered()
        self._batches: dict[Arm, tuple[int, set[tuple[str, str]]]] = {}
        self._answered: Counter[Arm] = Counter()
        self._labels, self._unscored = Counter[Arm](), Counter[Arm]()
        self._clipped = Counter[Arm]()
        self.first_unscored: str | None = None
        """Why the first unscored answer could not be scored."""
        self._compared = self._equal = 0

    def fold(self, observations: Iterable[Observation]) -> None:
        """Take these, in this order.

        They are of one release: the champion's answers and those of the version under test.
        Leave out rows that break the contract, as no version got them.
        """
        for one in observations:
            if one.prediction.arm in ("canary", "baseline"):
                self._in_canary(one)
            elif self.settings.shadow_requests:
                self._in_shadow(one)

    def requests(self, stage: Stage) -> int:
        """Requests that both versions answered in shadow; in canary, those of the smaller arm."""
        if stage == "shadow":
            return self._answered["shadow"]
        return min(self._answered["canary"], self._answered["baseline"])

    def unscored(self, stage: Stage) -> tuple[int, int]:
        """Labelled answers that the app could not score, and all labelled ones; of the two arms,
        where they are the larger share. A loss of 1 on both sides says nothing about either."""
        counts = [(self._unscored[arm], self._labels[arm]) for arm in _ARMS[stage]]
        return max(counts, key=lambda pair: pair[0] / max(1, pair[1]))

    @property
    def agreement(self) -> float | None:
        """Share of equal outputs where both versions answered in shadow."""
        return self._equal / self._compared if self._compared else None

    def readings(self, stage: Stage) -> tuple[Reading, ...]:
        """Every guardrail, as this stage sees it."""
        names = self.settings.guardrails
        return tuple(
            self._watched[name].reading(
                name,
                stage,
                self.settings,
                len(names),
                asked=self._asked(name, stage),
                clipped=self._clipped_share(stage) if name == "loss" else 0.0,
            )
            for name in names
        )

    def _asked(self, name: Guardrail, stage: Stage) -> bool:
        """Whether a stage must show a guardrail to be not worse.

        Shadow leaves the loss to the canary while fewer than half of its requests have a label.
        """
        if name != "loss" or stage == "canary":
            return True
        labels = self._watched[name].stages["shadow"].pairs
        return 0 < self._answered["shadow"] <= 2 * labels

    def _clipped_share(self, stage: Stage) -> float:
        arms = _ARMS[stage]
        labels = sum(self._labels[arm] for arm in arms)
        return sum(self._clipped[arm] for arm in arms) / labels if labels else 0.0

    def _in_shadow(self, observed: Observation) -> None:
        one, tested = observed.prediction, observed.prediction.arm == "shadow"
        request = (one.copy_of or one.id) if tested else one.id
        if observed.loss is not None:
            self._count_label(observed)
            losses = self._labelled_copies.match(request, tested, _lost(observed.loss))
            if losses:
                self._add("loss", "shadow", Pair(*losses))
            return
        seen = _Seen(
            tuple(self._value(name, one) for name in self._of_answers), output_digest(one.output)
        )
        both = self._copies.match(request, tested, seen)
        if both:
            ours, theirs = both
            self._answered["shadow"] += 1
            pairs = map(Pair, ours.values, theirs.values)
            for name, pair in zip(self._of_answers, pairs, strict=True):
                self._add(name, "shadow", pair)
            self._compare(ours.output, theirs.output)

    def _in_canary(self, observed: Observation) -> None:
        one = observed.prediction
        if observed.loss is None:
            self._answered[one.arm] += 1
            for name in self._of_answers:
                self._pair(name, one, self._value(name, one))
        elif self._labelled.first(one.id):
            self._count_label(observed)
            self._pair("loss", one, _lost(observed.loss))

    def _count_label(self, observed: Observation) -> None:
        arm = observed.prediction.arm
        self._labels[arm] += 1
        self._clipped[arm] += observed.clipped
        if observed.unscored is not None:
            self._unscored[arm] += 1
            self.first_unscored = self.first_unscored or observed.unscored

    def _pair(self, name: Guardrail, one: Prediction, value: Value) -> None:
        if name in self._pairings:
            key = None if one.key == one.id else one.key
            for pair in self._pairings[name].match(key, one.arm == "canary", value):
                self._add(name, "canary", pair)

    def _add(self, name: Guardrail, stage: Stage, pair: Pair) -> None:
        if name in self._watched:
            self._watched[name].add(stage, pair)

    def _value(self, name: Guardrail, one: Prediction) -> Value:
        symptom = ANSWERS[name].symptom(one, self.settings)
        return Value(0.0) if symptom is None else Value(1.0, self._repeated(one, (name, symptom)))

    def _repeated(self, one: Prediction, symptom: tuple[str, str]) -> bool:
        """Whether an answer of this arm at the same millisecond, hence batch, had the same."""
        time, symptoms = self._batches.get(one.arm, (None, set[tuple[str, str]]()))
        if time != one.time:
            symptoms = set()
            self._batches[one.arm] = one.time, symptoms
        known = symptom in symptoms
        symptoms.add(symptom)
        return known

    def _compare(self, ours: bytes | None, theirs: bytes | None) -> None:
        if ours is not None and theirs is not None:
            self._compared += 1
            self._equal += ours == theirs


def _lost(loss: float) -> Value:
    """A loss that an app could not compute counts as 1: missing evidence does not pass."""
    return Value(1.0 if math.isnan(loss) else min(1.0, max(0.0, loss)))


def output_digest(output: Output | None) -> bytes | None:
    """Equal for outputs that are equal once every number is rounded to 6 digits."""
    if output is None:
        return None
    compared = {name: value for name, value in output.items() if name != CONFIDENCE}
    text = json.dumps(_rounded(compared), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{float(value):.6g}" if value else "0"
    return value


def _evidence(logarithm: float) -> float:
    return math.exp(min(logarithm, _LARGEST))
