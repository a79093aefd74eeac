"""Collect a gate's evidence on a candidate; evidence that is not available gets a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from fullturn.core.entities import Dataset, Evaluation, Example, RunRecord, ScoredRow
from fullturn.core.errors import CouldNotEvaluate, IntegrityError, NotFound
from fullturn.core.parsing import from_json
from fullturn.core.records import TRAINED, VALIDATION
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.evaluation import behaviour, scoring
from fullturn.evaluation.records import fingerprints
from fullturn.gates import BundleState, DataState, Evidence, LeakageState, RefusalState
from fullturn.gates.behaviour import Determinism
from fullturn.gates.provenance import BundleSafe, Leakage
from fullturn.registry import promotion, versions
from fullturn.subjects.protocols import Capability, Predictor
from fullturn.tracking.traces import TraceSpool
from fullturn.verbs.parts.training import training_data, training_view
from fullturn.verbs.workspace import Progress, Workspace, stored_evaluation

TRACED = 100
"""Maximum number of answers of a gate with a trace: each costs MLflow about 10 ms."""
INJECTED = 32
"""Maximum number of test rows into which prompt injections are written."""
Rows = Sequence[Example]
Pair = tuple[Evaluation, Evaluation]


@dataclass
class EvidenceCollector:
    """Collects evidence; records the reason for evidence that is not available."""

    project: Workspace
    run: RunRecord
    data: Dataset
    progress: Progress
    spool: TraceSpool
    absent: dict[str, str] = field(default_factory=dict)
    """Reasons why evidence could not be computed, by name."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Reasons why the subject cannot provide evidence, by name."""
    waivers: dict[str, str] = field(default_factory=dict)
    """Waivers in the settings, by code: files that can run code, if they are allowed."""

    def evidence(self) -> Evidence:
        """All evidence on the candidate that is available."""
        project, test = self.project, self.data.split("test")
        champion = promotion.champion(project.store)
        if may_vary := project.settings.prompt.may_vary:
            self.waivers[Determinism.code] = f"[prompt] may_vary: {may_vary}"
        candidate = self._try("candidate", self._candidate)
        evaluated = self._evaluate("candidate", candidate, test)
        if evaluated is not None and project.subject.can("generated text"):
            self.spool.append(worst_rows(evaluated))
        some = evenly_spread(test, project.settings.gates.timed_rows)
        timed = self._evaluate_one_by_one("latencies", candidate, some)
        return Evidence(
            subject=self.run.id,
            champion_name=f"version {champion}" if champion else None,
            dataset=self.data.version,
            lacks=project.subject.lacks,
            data=self._try("data", self._data),
            leakage=self._leakage_state(test),
            bundle=self._try("bundle", self._bundle),
            candidate=evaluated,
            validation=self._try("validation", self._validation),
            champion=self._champion(champion, test),
            identical=self._is_champion(champion),
            baseline=self._evaluate("baseline", self._baseline(), test),
            behaviours=self._behaviours(candidate, evaluated, test),
            perturbations=project.subject.perturbations,
            repeated=self._if_able(
                "reproducible answers", "repeated", lambda: self._repeated(timed, some)
            ),
            latencies=tuple(row.latency for row in timed.rows) if timed else None,
            refusal=self._refusal(test),
            metrics=project.metrics,
            primary=project.primary.name if project.primary else "",
            unit=project.settings.data.unit,
            unknown=self.unknown,
            absent=self.absent,
        )

    def _try(self, name: str, get: Callable[[], Any]) -> Any:
        """The result of `get`; None, with the reason recorded, if it cannot be computed."""
        self.progress(name, 0, 1)
        try:
            return get()
        except (CouldNotEvaluate, IntegrityError, NotFound) as error:
            self.absent[name] = str(error)
            return None

    def _if_able(self, capability: Capability, name: str, get: Callable[[], Any]) -> Any:
        """The same; None, with the reason recorded, if the subject lacks the capability."""
        why = self.project.subject.lacks.get(capability)
        if why is None:
            return self._try(name, get)
        self.unknown[name] = why
        return None

    def _candidate(self) -> Predictor:
        source, digest = versions.located(self.run)
        return self.project.subject.load(self.project.store.fetch_model(source), digest)

    def _baseline(self) -> Predictor | None:
        subject, data = self.project.subject, self.data
        return self._if_able(  # type: ignore[no-any-return]
            "baseline",
            "baseline",
            lambda: subject.baseline(training_view(data, subject.contract.equal_rows)),
        )

    def _data(self) -> DataState:
        recorded = TrainingTags.read(self.run.tags).data_digest or "nothing"
        if self.data.version.digest == recorded:  # its rows were verified when they were loaded
            return DataState(recorded, recorded)
        return DataState(recorded, training_data(self.project, self.run).version.digest)

    def _leakage_state(self, test: Rows) -> LeakageState | None:
        """Of a model trained elsewhere nothing is known; fullturn.toml may state the rest."""
        stated = self.project.settings.model.unseen
        if stated and not self.project.subject.can("training rows"):
            self.waivers[Leakage.code] = f"[model] unseen: {stated}"
        return self._if_able(  # type: ignore[no-any-return]
            "training rows", "leakage", lambda: self._leakage(test)
        )

    def _leakage(self, test: Rows) -> LeakageState:
        count, trained = self._trained_rows()
        digests = fingerprints(test, self.project.subject.contract.equal_rows)
        shared = tuple(compress((one.id for one in test), (one in trained for one in digests)))
        return LeakageState(count, len(test), shared)

    def _trained_rows(self) -> tuple[int, frozenset[str]]:
        """How many rows it was trained on, and their fingerprints.

        Raises:
            NotFound: the run stored none.
            IntegrityError: they are damaged.
        """
        content = self.project.store.get(self.run.id, TRAINED).read_bytes()
        try:
            stored = from_json(content)
            return int(stored["rows"]), frozenset(stored["fingerprints"])
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(
                f"the fingerprints of the training rows are damaged: {error!r}; train again"
            ) from error

    def _bundle(self) -> BundleState:
        source, digest = versions.located(self.run)
        found = self.project.subject.inspect(self.project.store.fetch_model(source), digest)
        if found.unsafe and found.allowed:
            self.waivers[BundleSafe.code] = found.allowed
        return BundleState(found.files, found.problems, found.unsafe)

    def _validation(self) -> Evaluation:
        return stored_evaluation(self.project, self.run.id, VALIDATION)

    def _evaluate(self, name: str, predictor: Predictor | None, rows: Rows) -> Evaluation | None:
        if predictor is None:
            return None
        subject, version = self.project.subject, self.data.version
        return self._try(  # type: ignore[no-any-return]
            name, lambda: scoring.evaluate(subject, predictor, rows, name, version)
        )

    def _evaluate_one_by_one(
        self, name: str, predictor: Predictor | None, rows: Rows
    ) -> Evaluation | None:
        """Each row alone, without the LLM's cache."""
        from fullturn.llm import uncached

        if predictor is None:
            return None
        subject, version = self.project.subject, self.data.version
        with uncached():
            return self._try(  # type: ignore[no-any-return]
                name, lambda: scoring.evaluate_one_by_one(subject, predictor, rows, name, version)
            )

    def _champion(self, number: int | None, test: Rows) -> Evaluation | None:
        if number is None:
            return None
        store, subject = self.project.store, self.project.subject

        def champion() -> Predictor:
            folder, _ = versions.files(store, versions.or_deleted(store, number))
            return subject.load(folder)

        return self._evaluate("champion", self._try("champion", champion), test)

    def _is_champion(self, number: int | None) -> bool:
        """Whether the candidate has the champion's files."""
        if number is None:
            return False
        version = versions.or_deleted(self.project.store, number)
        mine = TrainingTags.read(self.run.tags).bundle
        return mine is not None and mine == VersionTags.read(version.tags).bundle

    def _behaviours(
        self, predictor: Predictor | None, clean: Evaluation | None, test: Rows
    ) -> Mapping[str, Pair] | None:
        """Unchanged and perturbed rows, by kind of perturbation."""
        subject = self.project.subject
        column = subject.text_column
        if predictor is None or clean is None or column is None:
            return None
        some = evenly_spread(test, self.project.settings.gates.behaviour_rows)
        same = _only(clean, some)
        pairs = {}
        for kind in subject.perturbations:
            changed = tuple(behaviour.perturbed(some, column, kind, seed=0))
            evaluated = self._evaluate(kind, predictor, changed)
            if evaluated is not None:
                pairs[kind] = (same, evaluated)
        return pairs

    def _repeated(self, first: Evaluation | None, rows: Rows) -> Pair | None:
        """The same rows a second time, by a predictor that is loaded again."""
        if first is None:
            return None
        self.project.subject.forget()
        again = self._try("repeated", self._candidate)
        second = self._evaluate_one_by_one("repeated", again, rows)
        return (first, second) if second else None

    def _refusal(self, test: Rows) -> RefusalState | None:
        column = self.project.subject.text_column
        if column is None or not self.project.subject.can("generated text"):
            return None
        return self._try("refusal", lambda: self._injections(column, test))  # type: ignore[no-any-return]

    def _injections(self, column: str, test: Rows) -> RefusalState:
        subject, token = self.project.subject, behaviour.canary()
        folder = self.project.store.fetch_model(versions.located(self.run)[0])
        poisoned = behaviour.poisoned(self.data.reference)
        predictor = subject.load_with_canary(folder, token, poisoned)
        rate = self.project.settings.gates.refusal_rate
        texts = behaviour.attempts([str(row.input[column]) for row in test[:INJECTED]], rate)
        rows = [{column: text} for text in texts]
        found = behaviour.leaks(subject.text_of, predictor, rows, token)
        return RefusalState(len(texts), tuple(texts[number] for number in found))


def worst_rows(evaluation: Evaluation) -> list[ScoredRow]:
    """The answers that a gate traces: those with the lowest primary score."""
    primary = evaluation.metrics[0] if evaluation.rows else ""
    return sorted(evaluation.rows, key=lambda row: row.scores[primary])[:TRACED]


def evenly_spread(rows: Rows, count: int) -> Rows:
    """Up to `count` rows, evenly spread."""
    step = max(1, len(rows) // max(1, count))
    return rows[::step][:count]


def _only(evaluation: Evaluation, rows: Rows) -> Evaluation:
    """An evaluation, of these rows only."""
    ids = {example.id for example in rows}
    scored = tuple(row for row in evaluation.rows if row.id in ids)
    of = evaluation.subject, evaluation.dataset, evaluation.split
    return Evaluation(*of, scored, len(rows), 0.0)
