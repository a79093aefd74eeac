"""From the prediction log to evidence: what was answered, and the loss of each answer."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from fullturn.core.entities import Example, Feedback, Observation, Prediction
from fullturn.core.errors import FullturnError
from fullturn.serving import log
from fullturn.subjects.protocols import Scorer
from fullturn.subjects.scores import declared_loss, scores_of


class Observer:
    """Reads the log from a starting point, new entries at each call, in the order of the log.

    Reading the same log again gives the same observations, so a process that folds them can be
    killed and start over. The first feedback on a prediction is the one that counts here: evidence
    that was acted upon is not withdrawn.
    """

    def __init__(self, state: Path, scorer: Scorer, after: int) -> None:
        """`after` is the `sequence` (nanoseconds since 1970) before the first entry to read."""
        self._state, self._scorer, self._after = state, scorer, after
        self._answered: dict[str, Prediction] = {}
        self._copies: dict[str, Prediction] = {}
        self._judged: dict[str, Feedback] = {}

    def read(self) -> list[Observation]:
        """What was logged since the last call."""
        # Feedback first: its predictions were logged before it, and are read next.
        judgements = log.feedback(self._state, self._after)
        answers = log.predictions(self._state, self._after)
        both: list[Prediction | Feedback] = [*answers, *judgements]
        entries = sorted(both, key=attrgetter("sequence"))
        if entries:
            self._after = entries[-1].sequence
        return [one for entry in entries for one in self._observed(entry)]

    def _observed(self, entry: Prediction | Feedback) -> Iterator[Observation]:
        if isinstance(entry, Feedback):
            yield from self._feedback(entry)
            return
        yield Observation(entry)
        known = self._judged.get(entry.copy_of or entry.id)
        if entry.copy_of:
            self._copies[entry.copy_of] = entry
        else:
            self._answered[entry.id] = entry
        if known:
            yield from observed_loss(self._scorer, entry, known)

    def _feedback(self, entry: Feedback) -> Iterator[Observation]:
        if self._judged.setdefault(entry.prediction, entry) is not entry:
            return
        for of in (self._answered, self._copies):
            if entry.prediction in of:
                yield from observed_loss(self._scorer, of[entry.prediction], entry)


def observed_loss(
    scorer: Scorer, prediction: Prediction, feedback: Feedback
) -> Iterator[Observation]:
    """The loss of an answer by its feedback: declared, or 1 minus the primary score; nothing if
    unknown.

    A label applies to every answer to the request, a score only to the one that the user saw. An
    answer that the app cannot score against its label is an observation too, with the reason.
    """
    if prediction.output is None:
        yield Observation(prediction, 1.0)
    elif feedback.expected is None:
        if feedback.score is not None and not prediction.copy_of:
            yield Observation(prediction, 1.0 - feedback.score)
    else:
        example = Example(
            prediction.id, prediction.input, feedback.expected, prediction.key, "validation"
        )
        try:
            loss = declared_loss(scorer, example, prediction.output)
            if loss is None:
                loss = 1.0 - next(iter(scores_of(scorer, example, prediction.output).values()))
            yield Observation(prediction, min(1.0, loss), clipped=loss > 1)
        except FullturnError as error:
            yield Observation(prediction, 1.0, unscored=str(error))
