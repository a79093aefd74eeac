"""Values at this moment: queues, versions, the release's stage, and what monitoring saw last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fullturn.core import monitored
from fullturn.serving.batcher import Batcher
from fullturn.serving.deployment import Deployment, Follower
from fullturn.serving.log import PredictionLog
from fullturn.serving.metrics import Gauge, gauge

STAGES = ("none", "shadow", "canary")


def gauges(
    state: Path, follower: Follower, batcher: Batcher, writer: PredictionLog
) -> Iterator[Gauge]:
    """All of them."""
    yield gauge("queue_rows", "Rows that wait or are being answered.", batcher.queued)
    yield gauge("shadow_rows", "Copies that wait for the shadow.", batcher.shadows)
    current = follower.current
    yield gauge("champion_version", "The version that serves.", current.champion.version)
    yield gauge("swaps", "Deployments swapped since the start.", follower.swaps)
    yield gauge("load_failures", "Versions that are wanted and do not load.",
                len(follower.failures))  # fmt: skip
    yield gauge("registry_stale", "1 while the registry does not answer.", bool(follower.stale))
    yield gauge("log_failed", "1 while predictions cannot be logged.", bool(batcher.failure))
    yield gauge("log_behind", "1 while the log's tables cannot be written.", bool(writer.failure))
    yield from _release(current)
    yield from _monitoring(state)


def _release(current: Deployment) -> Iterator[Gauge]:
    stage = next((one for one in STAGES[1:] if current.releasing(one)), "none")
    plan = current.plan if stage != "none" else None
    values: dict[tuple[str, ...], float] = {(one,): float(one == stage) for one in STAGES}
    yield Gauge("release_stage", "1 for the stage that a release is in.", values, ("stage",))
    yield gauge("release_version", "The version under test; 0 for none.",
                plan.version if plan else 0)  # fmt: skip
    yield gauge("release_share", "The canary's share of the traffic; 0 for none.",
                plan.share if plan and stage == "canary" else 0)  # fmt: skip


def _monitoring(state: Path) -> Iterator[Gauge]:
    """Nothing before the first `fullturn monitor` or `turn` on this machine."""
    found = monitored.read(state)
    if found is None:
        return
    version = str(found.version)
    by_detector = ("version", "detector")
    yield gauge("monitoring_timestamp_seconds", "When monitoring looked last, since 1970.",
                found.time)  # fmt: skip
    yield Gauge("monitored_requests", "Requests that monitoring has read.",
                {(version,): found.requests}, ("version",))  # fmt: skip
    yield Gauge("labelled_rows", "Labelled answers among the newest.",
                {(version,): found.labelled}, ("version",))  # fmt: skip
    if found.loss is not None:
        yield Gauge("quality", "Mean score of the newest labelled answers, 0 to 1.",
                    {(version,): 1 - found.loss}, ("version",))  # fmt: skip
    yield Gauge("alarms", "Alarms since the promotion.",
                {(version, name): count for name, count in found.alarms.items()},
                by_detector)  # fmt: skip
    yield Gauge("detector_share", "How much of the way to an alarm a detector has gone, 0 to 1.",
                {(version, name): share for name, share in found.shares.items()},
                by_detector)  # fmt: skip
    yield Gauge("unseen_category_rows", "Requests with a category that training never had.",
                {(version, name): count for name, count in found.unseen.items()},
                ("version", "column"))  # fmt: skip
