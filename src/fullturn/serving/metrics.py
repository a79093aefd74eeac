"""What Prometheus scrapes. The hot path adds to plain numbers; families are made at a scrape."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from fullturn.core.entities import Prediction

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency histogram, in seconds."""
_BY_ARM = ("version", "arm")


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value at this moment; by the values of its labels if it has any."""

    name: str
    about: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


def gauge(name: str, about: str, value: float) -> Gauge:
    """One without labels."""
    return Gauge(name, about, {(): value})


@dataclass(slots=True)
class Tally:
    """Logged rows of one version and arm."""

    rows: int = 0
    errors: int = 0
    """Of them, rows without an output."""
    seconds: float = 0.0
    latencies: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


class Metrics:
    """Counts of one server. Each field is written by one thread only."""

    def __init__(self) -> None:
        self._gauges: Callable[[], Iterable[Gauge]] = tuple
        self.requests: Counter[tuple[str, int]] = Counter()
        """By route and status."""
        self.feedback = 0
        self.shadows_dropped = 0
        self.extended_rows = 0
        """Rows with columns that the contract does not have."""
        self._tallies: dict[tuple[int, str], Tally] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def watch(self, gauges: Callable[[], Iterable[Gauge]]) -> None:
        """Report these gauges too."""
        self._gauges = gauges

    def answered(self, made: Iterable[Prediction]) -> None:
        """Count logged rows."""
        tallies = self._tallies
        for one in made:
            by = (one.version, one.arm)
            tally = tallies.get(by)
            if tally is None:
                tally = tallies[by] = Tally()
            tally.rows += 1
            tally.seconds += one.latency
            tally.latencies[bisect_left(BOUNDS, one.latency)] += 1
            if one.error is not None:
                tally.errors += 1

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """All of it and its content type: OpenMetrics if the header `accept` asks for it, else
        Prometheus' text format 0.0.4."""
        try:
            encode, kind = choose_encoder(accept)
        except (ValueError, TypeError):  # it names a version that is none
            encode, kind = choose_encoder("")
        return encode(self._registry), kind

    def collect(self) -> Iterator[Metric]:
        """The families, for the registry."""
        tallies = {(str(version), arm): one for (version, arm), one in [*self._tallies.items()]}
        yield _counter("requests", "Requests by route and status.", ("route", "status"),
                       self.requests)  # fmt: skip
        yield _counter("rows", "Logged rows by version and arm.", _BY_ARM,
                       {by: one.rows for by, one in tallies.items()})  # fmt: skip
        yield _counter("row_errors", "Logged rows without an output.", _BY_ARM,
                       {by: one.errors for by, one in tallies.items()})  # fmt: skip
        yield _counter("feedback", "Feedback stored.", (), {(): self.feedback})
        yield _counter("shadow_dropped", "Copies that the shadow had no time for.", (),
                       {(): self.shadows_dropped})  # fmt: skip
        yield _counter("extended_rows", "Rows with columns that the contract lacks, ignored.", (),
                       {(): self.extended_rows})  # fmt: skip
        yield _latencies(tallies)
        for one in self._gauges():
            family = GaugeMetricFamily(f"fullturn_{one.name}", one.about, labels=one.labels)
            for labels, value in one.values.items():
                family.add_metric(labels, value)
            yield family


def _latencies(tallies: Mapping[tuple[str, str], Tally]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "fullturn_latency_seconds",
        "Seconds from a request's arrival to the answer of its rows, by version and arm.",
        labels=_BY_ARM,
    )
    bounds = [*map(str, BOUNDS), "+Inf"]
    for by, one in tallies.items():
        counts = accumulate(list(one.latencies))
        buckets = list(zip(bounds, map(float, counts), strict=True))
        family.add_metric(by, buckets, sum_value=one.seconds)
    return family


def _counter(
    name: str, about: str, labels: tuple[str, ...], counts: Mapping[Any, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"fullturn_{name}", about, labels=labels)
    for values, count in list(counts.items()):
        family.add_metric([str(value) for value in values], count)
    return family
