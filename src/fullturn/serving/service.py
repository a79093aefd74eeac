"""Everything behind the routes, wired together: log, follower, batcher, feedback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.entities import Contract, Output, Prediction
from fullturn.core.errors import FullturnError
from fullturn.core.journal import Drain
from fullturn.core.settings import ServingSettings
from fullturn.serving.batcher import Batcher, Limits, OnLogged
from fullturn.serving.deployment import Follower, Load, LoadedVersion, Look
from fullturn.serving.external import Collector
from fullturn.serving.feedback import FeedbackStore
from fullturn.serving.gauges import gauges
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
        metrics.watch(lambda: gauges(state, follower, batcher, writer))
        follower.start()
        collector = Collector(
            state, writer, plan.contract, lambda _: follower.current.champion.version
        )
        stack.callback(_stop, collector.drain.start())
        stack.callback(follower.close)
        stack.callback(batcher.close)
        yield Served(
            plan.name, plan.contract, plan.text_of, settings, plan.token, batcher, follower,
            feedback, metrics,
        )  # fmt: skip


def _stop(collecting: Drain) -> None:
    """What is left in the journal is collected later."""
    with suppress(FullturnError):
        collecting.close(timeout=1)


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
