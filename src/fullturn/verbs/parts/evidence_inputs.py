"""Inputs of the evidence of a version: run, gate report, environment, data, code, LLM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fullturn.core.entities import DatasetVersion, ModelVersion, RunRecord
from fullturn.core.errors import LLMUnavailable, NotFound
from fullturn.core.records import ENVIRONMENT, REPORTS
from fullturn.core.settings import LLMSettings
from fullturn.core.tags import GateTags, OriginTags, TrainingTags, VersionTags
from fullturn.evidence.inputs import EvidenceInputs, Repository
from fullturn.evidence.sbom import Asked
from fullturn.gates import report as reports
from fullturn.registry import versions
from fullturn.subjects import bundle
from fullturn.tracking.provenance import branch, git
from fullturn.verbs.workspace import Workspace


def evidence_inputs(project: Workspace, version: ModelVersion, gate: str) -> EvidenceInputs:
    """Everything that the evidence of a version is written from; `gate` is the gate's run."""
    store = project.store
    run = store.run(version.run_id)
    folder, _ = versions.files(store, version)
    texts = {name: store.get(gate, name).read_bytes() for name in REPORTS}
    report = reports.from_json(texts[REPORTS[0]])
    return EvidenceInputs(
        model=version.name,
        version=version.version,
        app=project.settings.app,
        bundle=VersionTags.read(version.tags).bundle or "",
        manifest=(folder / bundle.MANIFEST).read_bytes(),
        run=run,
        gate=gate,
        report=report,
        reports=texts,
        environment=project.subject.packages(folder / bundle.FILES) or _environment(project, run),
        data=_data_of(project, run),
        difference=_data_difference(project, run, GateTags.read(store.run(gate).tags).champion),
        code=_repository(project, run),
        llm=_llm(project, run),
        card=project.settings.card,
    )


def _environment(project: Workspace, run: RunRecord) -> str:
    try:
        return project.store.get(run.id, ENVIRONMENT).read_text(encoding="utf-8")
    except NotFound:  # trained before environments were recorded: the bill lists only the model
        return ""


def _repository(project: Workspace, run: RunRecord) -> Repository:
    root = project.root
    remote = git(root, "remote", "get-url", "origin")
    origin = OriginTags.read(run.tags)
    return Repository(
        commit=origin.commit,
        dirty=bool(origin.dirty),
        diff_digest=origin.diff,
        branch=branch(root),
        remote=_without_credentials(remote) if remote else None,
    )


def _without_credentials(remote: str) -> str:
    scheme, separator, rest = remote.partition("://")
    host, slash, path = rest.partition("/")
    if not separator:  # git@host:path contains a shared account and no secret
        return remote
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def _llm(project: Workspace, run: RunRecord) -> Asked | None:
    """The LLM that the model calls: only a model with a registered prompt calls one."""
    if not OriginTags.read(run.tags).prompts:
        return None
    settings = project.settings.llm
    if settings.base_url:
        return Asked(run.params.get("model") or settings.model, None, None, None)
    return _embedded()


def _embedded() -> Asked:
    from fullturn.llm import embedded

    try:
        weights, digest = embedded.weights_file(), embedded.weights_digest()
    except LLMUnavailable:  # every answer in the gate came from the cache
        return Asked(LLMSettings().model, None, None, None)
    name = weights.parent.name.replace("_", "-")
    return Asked(weights.name, _package_version(name), name, digest)


def _package_version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _data_of(project: Workspace, run: RunRecord) -> DatasetVersion | None:
    """The dataset version that a run was trained on, by digest; None if the table lacks it."""
    return _known(project).get(TrainingTags.read(run.tags).data_digest or "")


def _data_difference(project: Workspace, run: RunRecord, champion: int | None) -> Mapping[str, Any]:
    """From the data of the gate's champion to the data of a run.

    Counts and shares only, no rows: evidence is meant to be shared.
    """
    training = TrainingTags.read(run.tags)
    if training.refers_to is not None:
        sentence = "The model was trained elsewhere: its training rows are unknown here."
        return _statement(sentence, None, None)
    mine = training.data_digest
    if champion is None:
        return _statement("There was no champion to compare the data with.", None, mine)
    version = versions.or_deleted(project.store, champion)
    theirs = VersionTags.read(version.tags).data_digest
    if mine == theirs:
        return _statement(f"Version {champion} was trained on the same data.", theirs, mine)
    known = _known(project)
    if theirs not in known or mine not in known:
        other = f"version {champion}" if theirs not in known else "this version"
        sentence = f"The data of {other} is not in the table where the gate ran: not compared."
        return _statement(sentence, theirs, mine)
    return _compared(project, known[theirs], known[mine], f"version {champion}")


def _compared(
    project: Workspace, before: DatasetVersion, after: DatasetVersion, champion: str
) -> Mapping[str, Any]:
    from fullturn.data.difference import diff

    found = diff(project.table, project.subject.contract, before.version, after.version)
    sentence = (
        f"From the data of {champion} (version {before.version}): {found.added} rows added, "
        f"{found.removed} removed, {found.changed} changed."
    )
    return {
        **_statement(sentence, before.digest, after.digest),
        "versions": [before.version, after.version],
        "added": found.added,
        "removed": found.removed,
        "changed": found.changed,
        "splits": found.splits,
        "labels": found.labels,
    }


def _statement(sentence: str, before: str | None, after: str | None) -> dict[str, Any]:
    return {"sentence": sentence, "before": before, "after": after}


def _known(project: Workspace) -> dict[str, DatasetVersion]:
    """Dataset versions of this table, by digest."""
    from fullturn.data import versions as tables

    try:
        return {one.digest: one for one in tables.log(project.table)}
    except NotFound:
        return {}
