"""One id leads everywhere: version → run → commit → dataset version → gate report."""

from __future__ import annotations

from dataclasses import dataclass

from fullturn.core.entities import HistoryEntry, ModelVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.showing import Result
from fullturn.core.tags import GateTags, OriginTags, TrainingTags, VersionTags
from fullturn.registry.history import History
from fullturn.store import Store

_UNKNOWN = "not recorded"


@dataclass(frozen=True, slots=True)
class Lineage(Result):
    """Where a model version came from."""

    model: str
    version: int
    aliases: tuple[str, ...]
    bundle: str
    refers_to: str
    """The registered model of others that the version refers to; empty if it was trained here."""
    run: str
    run_name: str
    trained: str
    owner: str
    seed: str
    commit: str
    environment: str
    data: str
    data_digest: str
    gate: str
    gate_outcome: str
    evidence: str
    prompts: tuple[str, ...]
    promotions: tuple[HistoryEntry, ...]
    link: str


def lineage(store: Store, version: ModelVersion, history: History) -> Lineage:
    """From a version to everything that it was made from, and its promotions.

    Raises:
        NotFound: its run or the run of its gate is not in the tracking server.
    """
    run = store.run(version.run_id)
    registered = VersionTags.read(version.tags)
    gate = store.run(registered.gate) if registered.gate else None
    return Lineage(
        model=version.name,
        version=version.version,
        aliases=version.aliases,
        bundle=registered.bundle or _UNKNOWN,
        run=run.id,
        run_name=run.name,
        **_making(store, run),
        gate=gate.id if gate else "none",
        gate_outcome=_outcome(gate),
        evidence=_evidence(version.version, registered.evidence),
        prompts=tuple(OriginTags.read(run.tags).prompts.values()),
        promotions=tuple(e for e in history.effective if e.version == version.version),
        link=store.link(run.id),
    )


def _making(store: Store, run: RunRecord) -> dict[str, str]:
    """Who trained it, when, from what; of a model of others what their run says of it."""
    origin, training = OriginTags.read(run.tags), TrainingTags.read(run.tags)
    if training.refers_to is not None:
        return _elsewhere(store, training.refers_to, training.refers_to_run or "")
    return {
        "refers_to": "",
        "trained": run.started,
        "owner": origin.owner or "unknown",
        "seed": _text(origin.seed),
        "commit": _commit(origin),
        "environment": origin.environment or _UNKNOWN,
        "data": _text(training.data),
        "data_digest": training.data_digest or _UNKNOWN,
    }


def _elsewhere(store: Store, address: str, run: str) -> dict[str, str]:
    try:
        theirs = store.run(run) if run else None
    except NotFound:
        theirs = None
    tags = theirs.tags if theirs else {}
    return {
        "refers_to": f"{address}, made elsewhere by {f'run {run}' if run else 'an unknown run'}",
        "trained": theirs.started if theirs else "unknown",
        "owner": tags.get("mlflow.user", "unknown"),
        "commit": tags.get("mlflow.source.git.commit", "unknown"),
        **dict.fromkeys(("seed", "environment", "data", "data_digest"), "unknown"),
    }


def _text(number: int | None) -> str:
    return _UNKNOWN if number is None else str(number)


def _outcome(gate: RunRecord | None) -> str:
    return (GateTags.read(gate.tags).outcome or "unknown") if gate else "none"


def _evidence(number: int, run: str | None) -> str:
    return f"evidence/ in run {run}, see `fullturn verify {number}`" if run else "none"


def _commit(origin: OriginTags) -> str:
    commit = origin.commit or "not under Git"
    return f"{commit} with changes {origin.diff[:12]}" if origin.diff else commit
