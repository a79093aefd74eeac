"""Candidate and champion as they are on record, and what went into the one and not the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Dataset, Example, ModelVersion, RunRecord
from fullturn.core.records import ENVIRONMENT, SOURCES
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.pipeline.records import DataChange
from fullturn.verbs.workspace import Workspace, load, with_digest

Changed = dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class DataFound:
    """What changed in the data, and which test rows both versions hold unchanged."""

    change: DataChange
    shared: frozenset[str] = frozenset()
    """Ids of test rows."""
    trained_changed: bool = False
    """Whether rows that a model learns from were added, removed or changed."""


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
        """The same of Python and the installed distributions; None without a champion.

        Raises:
            NotFound: one of the two runs stored no list.
        """
        return self._listed(project, ENVIRONMENT)

    def files(self, project: Workspace) -> Changed | None:
        """The same of the files of code, by sha256.

        Raises:
            NotFound: one of the two runs stored no list.
        """
        return self._listed(project, SOURCES)

    def _listed(self, project: Workspace, artifact: str) -> Changed | None:
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
        return _found(project, load(project, old.version), load(project, new.version))

    def differing(self, data: DataFound | None) -> list[str]:
        """In what the models differ, apart from the test rows."""
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
    """Of the dataset version that a run was trained on; empty if it recorded none."""
    return TrainingTags.read(run.tags).data_digest or ""


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Changed:
    names = sorted(before.keys() | after.keys())
    both = {name: (before.get(name), after.get(name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _lines(project: Workspace, run: RunRecord, artifact: str) -> dict[str, str]:
    lines = project.store.get(run.id, artifact).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _found(project: Workspace, old: Dataset, new: Dataset) -> DataFound:
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
    return DataFound(change, frozenset(shared), _learned(old) != _learned(new))


def _content(example: Example) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return dict(example.input), dict(example.expected)


def _learned(data: Dataset) -> tuple[dict[str, Any], Any]:
    rows = {e.id: (e.split, *_content(e)) for e in data.split("train", "validation")}
    return rows, data.reference


def _examples(of: Mapping[str, tuple[tuple[str, str], ...]]) -> tuple[str, ...]:
    lines = ([f"{kind}: {name}: {note}" for name, note in rows] for kind, rows in of.items())
    return tuple(itertools.chain.from_iterable(lines))
