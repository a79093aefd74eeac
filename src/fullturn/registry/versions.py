"""Register gated bundles, and find versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fullturn.core.entities import GateReport, HistoryEntry, ModelVersion, RunRecord
from fullturn.core.errors import BundleError, NotFound, NotGated
from fullturn.core.tags import CHAMPION_ALIAS, OriginTags, TrainingTags, VersionTags
from fullturn.registry import history as histories
from fullturn.store import Store
from fullturn.subjects import bundle

ADOPTED = "ADOPTED"
"""Outcome of a version that was registered without a gate: the champion that a team had before."""


def register(store: Store, run: RunRecord, report: GateReport, gate_run: str) -> ModelVersion:
    """Make a run's bundle the next model version.

    Raises:
        NotGated: the report did not pass, or is about another run.
        IntegrityError, BundleError: files are missing or changed.
    """
    if report.outcome != "PASSED":
        raise NotGated(f"the gate of '{run.name}' ended {report.outcome}: not registered")
    if report.subject != run.id:
        raise NotGated(f"the gate report is about run {report.subject}, not {run.id}")
    waived = {result.code: result.waived for result in report.results if result.waived}
    tags = VersionTags(gate=gate_run, outcome=report.outcome, waived=waived)
    return _registered(store, run, tags, f"run '{run.name}', {report.dataset}")


def register_adopted(store: Store, run: RunRecord) -> ModelVersion:
    """Make a run's bundle the next model version although no gate passed: it refers to the model
    that its team has as champion, whatever a gate says.

    Raises:
        IntegrityError, BundleError: files are missing or changed.
    """
    return _registered(store, run, VersionTags(outcome=ADOPTED), f"{run.name}, adopted")


def _registered(store: Store, run: RunRecord, tags: VersionTags, text: str) -> ModelVersion:
    """The version of a run, which is made if there is none."""
    for version in store.versions(store.name):
        if version.run_id == run.id:
            return version
    source, digest = located(run)
    bundle.verify(store.fetch_model(source), digest)
    origin, training = OriginTags.read(run.tags), TrainingTags.read(run.tags)
    tags = replace(
        tags,
        commit=origin.commit,
        dirty=origin.dirty,
        diff=origin.diff,
        environment=origin.environment,
        seed=origin.seed,
        owner=origin.owner,
        data=training.data,
        data_digest=training.data_digest,
        bundle=digest,
        refers_to=training.refers_to,
    )
    return store.register(store.name, source, run.id, tags.write(), text)


def located(run: RunRecord) -> tuple[str, str]:
    """Address and digest of a run's bundle.

    Raises:
        NotFound: the run stored no bundle.
    """
    tags = TrainingTags.read(run.tags)
    if tags.model is None or tags.bundle is None:
        raise NotFound(f"run '{run.name}' ({run.status}) stored no bundle; train again")
    return tags.model, tags.bundle


def version(store: Store, reference: str) -> ModelVersion:
    """The version meant by "3", "v3" or an alias such as "champion".

    Raises:
        NotFound: there is none.
    """
    versions = {v.version: v for v in store.versions(store.name)}
    number = reference.removeprefix("v")
    wanted = int(number) if number.isdecimal() else aliased(store, reference)
    if wanted in versions:
        return versions[wanted]
    raise NotFound(_unknown(store, reference, wanted, list(versions)))


def aliased(store: Store, alias: str) -> int | None:
    """The version that an alias of the project's model means: `champion` that of the history,
    whatever somebody set in MLflow; None if there is none."""
    if alias == CHAMPION_ALIAS:
        return histories.read(store).champion
    return store.alias(store.name, alias)


def or_deleted(store: Store, number: int) -> ModelVersion:
    """A version that is or was champion; of one that was deleted in MLflow, what its run says.

    Raises:
        NotFound: there was no such champion, or its run is gone too.
    """
    try:
        return version(store, str(number))
    except NotFound:
        was = histories.read(store).last_of(number)
        if was is None:
            raise
    run = store.run(was.run)
    source, digest = located(run)
    training = TrainingTags.read(run.tags)
    tags = VersionTags(bundle=digest, data=training.data, data_digest=training.data_digest).write()
    return ModelVersion(store.name, number, was.run, source, (), tags, was.created)


def _unknown(store: Store, reference: str, number: int | None, known: Sequence[int]) -> str:
    """That there is no such version; of a former champion, that it was deleted."""
    found = histories.read(store) if number is not None else histories.History()
    was = found.last_of(number) if number is not None else None
    if was is not None:
        return _deleted(store, was, bool(histories.earlier_champions(store, found)))
    listed = ", ".join(map(str, known)) or "none yet: `fullturn gate` registers what passes"
    return f"no model version '{reference}' of '{store.name}'; known: {listed}"


def _deleted(store: Store, was: HistoryEntry, has_earlier: bool) -> str:
    back = "; `fullturn rollback --reason 'why'` goes to the champion before"
    return (
        f"version {was.version} of '{store.name}' was deleted in MLflow; its run is still stored: "
        f"`fullturn gate {was.run[:8]}` registers it again if it passes, as a version that "
        f"`fullturn promote` takes{back if has_earlier else ''}"
    )


def files(store: Store, found: ModelVersion) -> tuple[Path, Mapping[str, Any]]:
    """The verified bundle folder of a version, and its record.

    Raises:
        BundleError, IntegrityError: files are missing or changed.
    """
    digest = VersionTags.read(found.tags).bundle
    if digest is None:
        raise BundleError(f"version {found.version} of '{found.name}' was not registered here")
    try:
        folder = store.fetch_model(found.source)
    except NotFound as error:
        raise BundleError(
            f"the files of version {found.version} of '{found.name}' are gone ({found.source}): "
            "restore them from a copy, or roll back to another version with `fullturn rollback`"
        ) from error
    bundle.verify(folder, digest)
    return folder, bundle.read_record(folder)
