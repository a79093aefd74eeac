"""Everything behind the routes, wired together: log, follower, batcher, feedback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.entities import Contract, Output, Prediction
from fullturn.core.settings import ServingSettings
from fullturn.serving.batcher import Batcher, Limits, OnLogged
from fullturn.serving.deployment import Follower, Load, LoadedVersion, Look
from fullturn.serving.feedback import FeedbackStore
from fullturn.serving.log import PredictionLog
from fullturn.serving.metrics import Metrics
from fullturn.serving.routes import Served


@dataclass(frozen=True, slots=True)
class Plan:
    """What is served, and how it is found and loaded."""

    name: str
    contract: Contract
    settings: ServingSettings
    look: Look
    load: Load
    token: str | None = None
    text_of: Callable[[Output], str] | None = None
    on_logged: OnLogged | None = None
    """Called with what was logged, before the answers are sent."""


@contextmanager
def service(state: Path, plan: Plan) -> Iterator[Served]:
    """Serve for the length of a `with` block: all but the HTTP server itself.

    Raises:
        Conflict: another process writes this prediction log.
        NotFound: there is no champion.
        FullturnError: it does not load, or the registry is unreachable.
    """
    settings = plan.settings
    with ExitStack() as stack:
        writer = stack.enter_context(PredictionLog(state))
        follower = Follower(plan.look, plan.load, settings.poll)
        feedback, metrics = FeedbackStore(state, writer), Metrics()
        batcher = Batcher(
            lambda: follower.current,
            writer,
            _limits(settings),
            metrics,
            _both(feedback, plan.on_logged),
        )
        metrics.watch(lambda: _gauges(follower, batcher, writer))
        follower.start()
        stack.callback(follower.close)
        stack.callback(batcher.close)
        yield Served(
            plan.name, plan.contract, plan.text_of, settings, plan.token, batcher, follower,
            feedback, metrics,
        )  # fmt: skip


def _both(feedback: FeedbackStore, other: OnLogged | None) -> OnLogged:
    def on_logged(slot: LoadedVersion, made: Sequence[Prediction]) -> None:
        feedback.remember(made)
        if other is not None:
            other(slot, made)

    return on_logged


def _limits(settings: ServingSettings) -> Limits:
    return Limits(
        settings.batch_rows, settings.queue_rows, settings.shadow_rows, settings.timeout,
        settings.serve_without_log,
    )  # fmt: skip


def _gauges(
    follower: Follower, batcher: Batcher, writer: PredictionLog
) -> dict[str, tuple[str, float]]:
    return {
        "queue_rows": ("Rows that wait or are being answered.", batcher.queued),
        "shadow_rows": ("Copies that wait for the shadow.", batcher.shadows),
        "champion_version": ("The version that serves.", follower.current.champion.version),
        "swaps": ("Deployments swapped since the start.", follower.swaps),
        "load_failures": ("Versions that are wanted and do not load.", len(follower.failures)),
        "registry_stale": ("1 while the registry does not answer.", bool(follower.stale)),
        "log_failed": ("1 while predictions cannot be logged.", bool(batcher.failure)),
        "log_behind": ("1 while the log's tables cannot be written.", bool(writer.failure)),
    }
