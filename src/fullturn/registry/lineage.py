"""One id leads everywhere: version → run → commit → dataset version → gate report."""

from __future__ import annotations

from dataclasses import dataclass

from fullturn.core.entities import HistoryEntry, ModelVersion
from fullturn.core.tags import PREFIX
from fullturn.registry.promotion import history
from fullturn.registry.versions import DIGEST, EVIDENCE, GATE
from fullturn.store import Store


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a model version came from."""

    model: str
    version: int
    aliases: tuple[str, ...]
    bundle: str
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


def lineage(store: Store, version: ModelVersion) -> Lineage:
    """The way from a version to everything that made it.

    Raises:
        NotFound: its run or the run of its gate is not in the tracking server.
    """
    run = store.run(version.run_id)
    gate = store.run(version.tags[GATE]) if version.tags.get(GATE) else None
    tag = {key.removeprefix(PREFIX): value for key, value in run.tags.items()}
    return Lineage(
        model=version.name,
        version=version.version,
        aliases=version.aliases,
        bundle=version.tags.get(DIGEST, "not recorded"),
        run=run.id,
        run_name=run.name,
        trained=run.started,
        owner=tag.get("owner", "unknown"),
        seed=tag.get("seed", "not recorded"),
        commit=_commit(tag),
        environment=tag.get("environment", "not recorded"),
        data=tag.get("data", "not recorded"),
        data_digest=tag.get("data_digest", "not recorded"),
        gate=gate.id if gate else "none",
        gate_outcome=gate.tags.get(PREFIX + "outcome", "unknown") if gate else "none",
        evidence=_evidence(version),
        prompts=tuple(value for key, value in sorted(tag.items()) if key.startswith("prompt.")),
        promotions=tuple(e for e in history(store) if e.version == version.version and e.effective),
        link=store.link(run.id),
    )


def _evidence(version: ModelVersion) -> str:
    run, number = version.tags.get(EVIDENCE), version.version
    return f"evidence/ in run {run}, see `fullturn verify {number}`" if run else "none"


def _commit(tag: dict[str, str]) -> str:
    commit = tag.get("commit", "not under Git")
    return f"{commit} with changes {tag.get('diff', '')[:12]}" if "diff" in tag else commit
