"""From the prediction log to evidence: what was answered, and what each answer was worth."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from fullturn.core.entities import Example, Feedback, Observation, Prediction
from fullturn.serving import log
from fullturn.verbs.workspace import Workspace


class Observer:
    """Reads the log from a point on, a part at each call, always in the order of the log.

    Reading the same log again gives the same observations, so whoever folds them can be killed
    and start over. The first feedback on a prediction is the one that counts here: evidence that
    was acted upon is not taken back.
    """

    def __init__(self, project: Workspace, after: int) -> None:
        """`after` is the `sequence` (nanoseconds since 1970) before the first entry to read."""
        self._project, self._after = project, after
        self._answered: dict[str, Prediction] = {}
        self._copies: dict[str, Prediction] = {}
        self._judged: dict[str, Feedback] = {}

    def read(self) -> list[Observation]:
        """What came since the last call."""
        # Feedback first: what it is about has been logged then, and is read next.
        judgements = log.feedback(self._project.state, self._after)
        answers = log.predictions(self._project.state, self._after)
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
            yield from self._loss(entry, known)

    def _feedback(self, entry: Feedback) -> Iterator[Observation]:
        if self._judged.setdefault(entry.prediction, entry) is not entry:
            return
        for of in (self._answered, self._copies):
            if entry.prediction in of:
                yield from self._loss(of[entry.prediction], entry)

    def _loss(self, prediction: Prediction, feedback: Feedback) -> Iterator[Observation]:
        loss = loss_of(self._project, prediction, feedback)
        if loss is not None:
            yield Observation(prediction, loss)


def loss_of(project: Workspace, prediction: Prediction, feedback: Feedback) -> float | None:
    """1 minus the primary score of an answer; None if the feedback does not tell.

    A label tells of any answer to the request, a score only of the one that the user saw.
    """
    if prediction.output is None:
        return 1.0
    if feedback.expected is None:
        return None if prediction.copy_of or feedback.score is None else 1.0 - feedback.score
    example = Example(
        prediction.id, prediction.input, feedback.expected, prediction.key, "validation"
    )
    try:
        scores = project.app.score(example, prediction.output)
    except Exception:  # noqa: BLE001  a label that the app cannot score is no label
        return None
    return 1.0 - float(next(iter(scores.values())))
