"""A run of tests ends with one line on what was skipped, and how to have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest


def said(reasons: Counter[str]) -> str:
    """One line on the tests that were skipped, by reason."""
    parts = (
        f"{count} {'test' if count == 1 else 'tests'}: {reason}"
        for reason, count in reasons.most_common()
    )
    return "skipped " + "; ".join(parts)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Print that line after all else."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter) and "skipped" in reporter.stats:
        reports = reporter.stats["skipped"]
        reporter.write_line(said(Counter(map(reason, reports))), yellow=True)


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test was skipped."""
    *_, text = report.longrepr if isinstance(report.longrepr, tuple) else (report.longreprtext,)
    return str(text).removeprefix("Skipped: ")
