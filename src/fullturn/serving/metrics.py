"""What Prometheus scrapes. The hot path adds to plain numbers; families are made at a scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from fullturn.core.entities import UNSEEN, Prediction, unseen_of

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency histogram, in seconds."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Gauges = Callable[[], Mapping[str, tuple[str, float]]]
"""By name, what a gauge measures and its current value."""


class Metrics:
    """Counts of one server. Each field is written by one thread only."""

    def __init__(self) -> None:
        self._gauges: Gauges = dict
        self.requests: Counter[tuple[str, int]] = Counter()
        """By route and status."""
        self.rows: Counter[tuple[int, str]] = Counter()
        """Logged rows by version and arm."""
        self.errors: Counter[tuple[int, str]] = Counter()
        """Of them, rows without an output."""
        self.unseen: Counter[tuple[str]] = Counter()
        """Of them, rows with a category that training never had, by column."""
        self.feedback = 0
        self.shadows_dropped = 0
        self.extended_rows = 0
        """Rows with columns that the contract does not have."""
        self._latencies = [0] * (len(BOUNDS) + 1)
        self._latency = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def watch(self, gauges: Gauges) -> None:
        """Report these gauges too."""
        self._gauges = gauges

    def answered(self, made: Iterable[Prediction]) -> None:
        """Count logged rows."""
        for one in made:
            self.rows[one.version, one.arm] += 1
            self._latencies[bisect_left(BOUNDS, one.latency)] += 1
            self._latency += one.latency
            if one.error is not None:
                self.errors[one.version, one.arm] += 1
            elif one.output is not None and UNSEEN in one.output:
                self.unseen.update((column,) for column in unseen_of(one.output))

    def text(self) -> bytes:
        """All of it, in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families, for the registry."""
        yield _counter("requests", "Requests by route and status.", ("route", "status"),
                       self.requests)  # fmt: skip
        by = ("version", "arm")
        yield _counter("rows", "Logged rows by version and arm.", by, self.rows)
        yield _counter("row_errors", "Logged rows without an output.", by, self.errors)
        yield _counter("unseen_categories", "Rows with a category that training never had.",
                       ("column",), self.unseen)  # fmt: skip
        yield _counter("feedback", "Feedback stored.", (), {(): self.feedback})
        yield _counter("shadow_dropped", "Copies that the shadow had no time for.", (),
                       {(): self.shadows_dropped})  # fmt: skip
        yield _counter("extended_rows", "Rows with columns that the contract lacks, ignored.", (),
                       {(): self.extended_rows})  # fmt: skip
        for name, (about, value) in self._gauges().items():
            yield GaugeMetricFamily(f"fullturn_{name}", about, value=value)
        yield self._histogram()

    def _histogram(self) -> HistogramMetricFamily:
        bounds = [*map(str, BOUNDS), "+Inf"]
        counts = accumulate(list(self._latencies))
        return HistogramMetricFamily(
            "fullturn_latency_seconds",
            "Seconds from a request's arrival to the answer of its rows.",
            buckets=list(zip(bounds, map(float, counts), strict=True)),
            sum_value=self._latency,
        )


def _counter(
    name: str, about: str, labels: tuple[str, ...], counts: Mapping[Any, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"fullturn_{name}", about, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric([str(value) for value in values], count)
    return family
