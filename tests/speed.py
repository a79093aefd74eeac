"""What each test costs, in seconds of CPU: on a busy machine the wall clock says little.

`pytest --cpu 30` lists the thirty most expensive tests. The processes that a test starts count,
once they have ended; what a shared fixture costs counts for the first test that uses it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

_SPENT = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--cpu N`."""
    parser.addoption(
        "--cpu", type=int, default=0, metavar="N",
        help="show the N tests that took the most CPU time, their child processes included",
    )  # fmt: skip


def _spent() -> float:
    """CPU seconds of this process and of those of its children that have ended."""
    return sum(os.times()[:4])


def _measured(item: pytest.Item) -> Iterator[None]:
    began = _spent()
    try:
        return (yield)
    finally:
        item.stash[_SPENT] = _spent() - began


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Measure the making of fixtures."""
    return (yield from _measured(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure the test."""
    return (yield from _measured(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Measure the end of fixtures."""
    return (yield from _measured(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Attach the seconds to the report, which a worker of xdist sends on."""
    report = yield
    report.cpu = item.stash.get(_SPENT, 0.0)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what cost most."""
    shown = terminalreporter.config.getoption("--cpu")
    if not shown:
        return
    costs: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                costs[report.nodeid] += report.cpu
    terminalreporter.section(f"CPU: {costs.total():.1f} s in {len(costs)} tests")
    for name, seconds in costs.most_common(shown):
        terminalreporter.line(f"{seconds:7.2f} s  {name}")
