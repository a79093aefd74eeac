"""Register what was gated and whose files are there; find versions again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullturn.core.entities import GateReport, ModelVersion, RunRecord
from fullturn.core.errors import BundleError, NotFound, NotGated
from fullturn.core.tags import PREFIX
from fullturn.store import Store
from fullturn.subjects import bundle

MODEL, DIGEST = PREFIX + "model", PREFIX + "bundle"
GATE, OUTCOME = PREFIX + "gate", PREFIX + "outcome"
EVIDENCE = PREFIX + "evidence"
"""Tag of a version: the run that holds its evidence folder, once that is whole."""


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
    for version in store.versions(store.name):
        if version.run_id == run.id:
            return version
    source, digest = located(run)
    bundle.verify(store.fetch_model(source), digest)
    keys = ("commit", "dirty", "diff", "environment", "seed", "owner", "data", "data_digest")
    copied = {PREFIX + key: run.tags[PREFIX + key] for key in keys if PREFIX + key in run.tags}
    waived = {r.code: r.waived for r in report.results if r.waived}
    tags = {
        **copied,
        DIGEST: digest,
        GATE: gate_run,
        OUTCOME: report.outcome,
        **{f"{PREFIX}waived.{code}": reason for code, reason in waived.items()},
    }
    return store.register(store.name, source, run.id, tags, f"run '{run.name}', {report.dataset}")


def located(run: RunRecord) -> tuple[str, str]:
    """Address and digest of a run's bundle.

    Raises:
        NotFound: the run stored no bundle.
    """
    if MODEL not in run.tags or DIGEST not in run.tags:
        raise NotFound(f"run '{run.name}' ({run.status}) stored no bundle; train again")
    return run.tags[MODEL], run.tags[DIGEST]


def version(store: Store, reference: str) -> ModelVersion:
    """The version meant by "3", "v3" or an alias such as "champion".

    Raises:
        NotFound: there is none.
    """
    versions = {v.version: v for v in store.versions(store.name)}
    number = reference.removeprefix("v")
    wanted = int(number) if number.isdecimal() else store.alias(store.name, reference)
    if wanted in versions:
        return versions[wanted]
    known = ", ".join(map(str, versions)) or "none yet: `fullturn gate` registers what passes"
    raise NotFound(f"no model version '{reference}' of '{store.name}'; known: {known}")


def files(store: Store, found: ModelVersion) -> tuple[Path, Mapping[str, Any]]:
    """The verified bundle folder of a version, and its record.

    Raises:
        BundleError, IntegrityError: files are missing or changed.
    """
    if DIGEST not in found.tags:
        raise BundleError(f"version {found.version} of '{found.name}' was not registered here")
    try:
        folder = store.fetch_model(found.source)
    except NotFound as error:
        raise BundleError(
            f"the files of version {found.version} of '{found.name}' are gone ({found.source}): "
            "restore them from a copy, or go back to another version with `fullturn rollback`"
        ) from error
    bundle.verify(folder, found.tags[DIGEST])
    return folder, bundle.read_record(folder)
