"""What changed between the champion and the candidate, and what a reviewer must not miss."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Dataset, Evaluation, Example, GateReport, ModelVersion, RunRecord
from fullturn.core.errors import IntegrityError
from fullturn.core.records import ENVIRONMENT, SOURCES
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.core.wording import listed
from fullturn.pipeline.records import Checkout, DataChange, Difference
from fullturn.pipeline.sections import interval, percent, signed
from fullturn.verbs.workspace import Workspace, load, with_digest

Changed = dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class DataFound:
    """What changed in the data, and which test rows are unchanged in both versions."""

    change: DataChange
    shared: frozenset[str] = frozenset()
    """Ids of test rows."""
    trained_changed: bool = False
    """Whether training or validation rows were added, removed or changed."""


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """The candidate's run, the champion's version and run; None where there is none."""

    candidate: RunRecord | None
    version: ModelVersion | None
    champion: RunRecord | None

    @property
    def same(self) -> bool:
        """Whether the candidate is the champion's own run."""
        both = (self.candidate, self.champion)
        return None not in both and both[0] == both[1]

    def params(self) -> Changed:
        """Parameters that differ: champion's value, candidate's value."""
        ours, theirs = (run.params if run else {} for run in (self.candidate, self.champion))
        return _changed(theirs, ours) if self.candidate and self.champion else {}

    def packages(self, project: Workspace) -> Changed | None:
        """Python and installed packages that differ; None without a champion.

        Raises:
            NotFound: one of the two runs stored no list.
            IntegrityError: one of the two lists is damaged.
        """
        return self._changed_lines(project, ENVIRONMENT)

    def files(self, project: Workspace) -> Changed | None:
        """Code files that differ, by sha256; None without a champion.

        Raises:
            NotFound: one of the two runs stored no list.
            IntegrityError: one of the two lists is damaged.
        """
        return self._changed_lines(project, SOURCES)

    def _changed_lines(self, project: Workspace, artifact: str) -> Changed | None:
        if self.candidate is None or self.champion is None:
            return None
        ours, theirs = (_lines(project, run, artifact) for run in (self.candidate, self.champion))
        return _changed(theirs, ours)

    def data(self, project: Workspace) -> DataFound | None:
        """From the champion's dataset to the candidate's.

        Raises:
            IntegrityError: rows of one of them differ from their digest.
        """
        if self.candidate is None or self.champion is None:
            return None
        before, after = (data_digest(run) for run in (self.champion, self.candidate))
        if before == after:
            return DataFound(DataChange(before, after, known=True))
        old, new = with_digest(project, before), with_digest(project, after)
        if old is None or new is None:
            return DataFound(DataChange(before, after, known=False))
        return _data_found(project, load(project, old.version), load(project, new.version))

    def differing_parts(self, data: DataFound | None) -> list[str]:
        """In what the models differ; test rows do not count."""
        if self.candidate is None or self.champion is None or self.same:
            return []
        runs = (self.candidate, self.champion)
        ours, theirs = (OriginTags.read(run.tags) for run in runs)
        code = [TrainingTags.read(run.tags).code for run in runs]
        if None in code:  # trained before the digest of the code was recorded
            code = [f"{one.commit} {one.diff}" for one in (ours, theirs)]
        parts = {
            "code": code[0] != code[1],
            "parameters": bool(self.params()),
            "training rows": data is not None and data.trained_changed,
            "environment": ours.environment != theirs.environment,
        }
        return [name for name, differs in parts.items() if differs]


def data_digest(run: RunRecord) -> str:
    """Digest of the dataset version that a run was trained on; empty if it recorded none."""
    return TrainingTags.read(run.tags).data_digest or ""


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Changed:
    names = sorted(before.keys() | after.keys())
    both = {name: (before.get(name), after.get(name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _lines(project: Workspace, run: RunRecord, artifact: str) -> dict[str, str]:
    content = project.store.get(run.id, artifact).read_bytes()
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise IntegrityError(
            f"'{artifact}' of run '{run.name}' is damaged: {error}; train again"
        ) from error
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _data_found(project: Workspace, old: Dataset, new: Dataset) -> DataFound:
    from fullturn.data import difference

    versions = old.version.version, new.version.version
    found = difference.diff(project.table, project.subject.contract, *versions)
    tests = [{e.id: _content(e) for e in data.split("test")} for data in (old, new)]
    shared = {name for name, content in tests[1].items() if tests[0].get(name) == content}
    common = tests[0].keys() & tests[1].keys()
    change = DataChange(
        before=old.version.digest,
        after=new.version.digest,
        known=True,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        splits=dict(found.splits),
        test=(len(tests[1]) - len(common), len(tests[0]) - len(common), len(common) - len(shared)),
        examples=_examples(found.examples),
    )
    return DataFound(change, frozenset(shared), _training_rows(old) != _training_rows(new))


def _content(example: Example) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return dict(example.input), dict(example.expected)


def _training_rows(data: Dataset) -> tuple[dict[str, Any], Any]:
    rows = {e.id: (e.split, *_content(e)) for e in data.split("train", "validation")}
    return rows, data.reference


def _examples(of: Mapping[str, tuple[tuple[str, str], ...]]) -> tuple[str, ...]:
    lines = ([f"{kind}: {name}: {note}" for name, note in rows] for kind, rows in of.items())
    return tuple(itertools.chain.from_iterable(lines))


def test_set_warnings(
    runs: ComparedRuns, data: DataFound | None, shared: Difference | None
) -> Iterator[str]:
    """The test set differs from the one that the champion was judged on."""
    if data is None or not data.change.test_changed:
        return
    added, removed, changed = data.change.test
    rows = f"{added:,} test rows added, {removed:,} removed, {changed:,} changed"
    differing = runs.differing_parts(data)
    if differing:
        yield (
            f"THE TEST SET CHANGED IN THE SAME BRANCH AS THE MODEL: {rows}; the model differs in "
            f"{listed(differing)}. A better score may come from the questions and not from the "
            f"model. Both models were scored on the new rows. {_on_shared(data, shared)}"
        )
    else:
        yield (
            f"The test set changed, and the model did not: {rows}. Both models were scored on "
            "the new rows; a difference between them says nothing about a better model."
        )


def code_warnings(checkout: Checkout, runs: ComparedRuns) -> Iterator[str]:
    """The commit does not contain what was run."""
    if checkout.code.dirty:
        yield (
            "Uncommitted changes: the commit does not contain what was run, and nobody else can "
            "repeat it. Commit them, and run the pipeline again."
        )
    elif runs.candidate and OriginTags.read(runs.candidate.tags).dirty:
        yield (
            f"The candidate, run '{runs.candidate.name}', was trained with uncommitted changes: "
            "train it again from a clean checkout if it is to be released."
        )
    if checkout.code.commit is None:
        yield "The project is not in Git: no commit identifies what was run."
    elif checkout.shallow:
        yield (
            "The clone is shallow: the changes of the branch since its base are unknown here. "
            "Fetch the whole history (`fetch-depth: 0`)."
        )


def gate_warnings(gate: GateReport | None, before: GateReport | None) -> Iterator[str]:
    """The gate had nothing to compare with, was waived, or had other settings than before."""
    if gate is None:
        return
    if gate.champion is None:
        yield "There is no champion: nothing was compared, and the other checks alone decided."
    waived = {result.code: result.waived for result in gate.results if result.waived is not None}
    for code, reason in waived.items():
        yield f"{code} was waived: {reason}"
    if changes := _changed_limits(before.limits, gate.limits) if before else []:
        yield (
            "The gate's settings differ from those that the champion had to meet: "
            f"{listed(changes)}."
        )


def row_warnings(
    gate: GateReport | None, candidate: Evaluation | None, champion: Evaluation | None
) -> Iterator[str]:
    """The candidate or the champion was not scored, or not on all rows."""
    if gate and gate.champion and candidate and champion is None:
        yield f"The champion, {gate.champion}, could not be scored again: nothing was compared."
    for name, one in (("candidate", candidate), ("champion", champion)):
        if one is not None and len(one.rows) < one.expected_rows:
            yield (
                f"The {name} answered {len(one.rows):,} of {one.expected_rows:,} test rows: the "
                "comparison leaves out the others, which may be the difficult ones."
            )


def champion_warnings(compared_with: int | None, now: int | None) -> Iterator[str]:
    """The champion was replaced after the gate."""
    if compared_with != now:
        was = f"version {compared_with}" if compared_with else "no champion"
        is_now = f"version {now}" if now else "nothing"
        yield f"The gate compared with {was}; the champion is {is_now} now. Run the gate again."


def _on_shared(data: DataFound, shared: Difference | None) -> str:
    if shared is None:
        return f"Both versions share {len(data.shared):,} test rows, too few to compare on."
    return (
        f"On the {shared.rows:,} test rows that both versions share, {shared.name} differs by "
        f"{signed(shared.estimate)} {interval(shared)} at {percent(shared.confidence)}."
    )


def _changed_limits(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Settings that both gates have and that differ."""
    return [
        f"{name} {before[name]} → {value}"
        for name, value in after.items()
        if name in before and before[name] != value
    ]
