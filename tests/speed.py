"""Which tests are quick, and what each costs in seconds of CPU.

`pytest --quick` leaves out what is marked `slow`, and what uses a fixture that is slow: a server,
a browser, a trained project. A test that takes more than about two seconds of CPU is slow.

`pytest --cpu 30` lists the thirty most expensive tests. CPU, because on a busy machine the clock
says little. The processes that a test starts count, once they have ended; what a shared fixture
costs counts for the first test that uses it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SLOW_FIXTURES = frozenset({"browser", "lesson", "postgresql_uri", "server_uri"})
"""A test that uses one of these is slow, also if it does so through another fixture."""
FOLDER = Path(__file__).parent
ONLY_SLOW = pytest.StashKey[list[str]]()
"""Folders without a quick test, if all tests were collected."""
_SPENT = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick` and `--cpu N`."""
    parser.addoption("--quick", action="store_true", help="leave out the tests that are slow")
    parser.addoption(
        "--cpu", type=int, default=0, metavar="N",
        help="show the N tests that took the most CPU time, their child processes included",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow; with `--quick`, leave it out."""
    for item in items:
        if not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    quick = [item for item in items if not item.get_closest_marker("slow")]
    if [config.invocation_params.dir / arg for arg in config.args] == [FOLDER]:
        folders = {item.path.parent for item in items} - {item.path.parent for item in quick}
        config.stash[ONLY_SLOW] = sorted(str(one.relative_to(FOLDER.parent)) for one in folders)
    if "PYTEST_XDIST_WORKER" in os.environ:
        _slow_files_first(items)
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(quick)])
        items[:] = quick


def _slow_files_first(items: list[pytest.Item]) -> None:
    """So that no worker begins with a long file when the others are done."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: item.path not in slow)


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
