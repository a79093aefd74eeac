"""In a real browser: MLflow's own pages, and those of a gate, an alarm and a release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from fullturn.core.records import REPORTS
from fullturn.release import report
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.monitor import Monitor
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.browsers import faultless_page
from tests.projects import copied
from tests.release.test_report import PROMOTED
from tests.verbs.conftest import TOML, write_rows
from tests.verbs.toy import messages


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if a script of it fails or it asks for a far address."""
    with faultless_page(browser) as opened:
        yield opened


@pytest.fixture
def served(server_uri: str, tmp_path: Path) -> Workspace:
    """A project with one dataset version on a tracking server over HTTP."""
    name = f"toy-{uuid4().hex[:8]}"
    toml = TOML.replace('name = "toy"', f'name = "{name}"\ntracking_uri = "{server_uri}"')
    (tmp_path / "fullturn.toml").write_text(toml)
    write_rows(tmp_path / "messages.csv", messages(1000, seed=1))
    opened = Workspace.open(tmp_path)
    commit(opened, [], "first")
    return opened


def test_a_run_and_its_gate_read_well_in_mlflow(served: Workspace, page: Page) -> None:
    trained = train(served, {}, name="plain words").run
    gated = gate(served, trained.id)
    assert gated.version is not None
    page.goto(served.store.link(trained.id))
    for text in (
        "at 95 %",
        "fullturn train",
        "gate of plain words",
        "tester",
        served.settings.name,
    ):
        page.get_by_text(text).first.wait_for()
    page.goto(served.store.link(gated.run))
    page.get_by_role("heading", name="Gate passed").wait_for()


@pytest.mark.parametrize("width", [380, 1280])
def test_the_report_fits_its_window_and_asks_for_nothing(
    gated: Workspace, page: Page, width: int
) -> None:
    [report] = gated.store.runs("gate")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(gated.store.get(report.id, REPORTS[2]).as_uri())
    assert "Passed" in page.locator("header, h1").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg").count() >= 3


@pytest.mark.parametrize("width", [380, 1280])
def test_the_page_of_an_alarm_fits_its_window_and_asks_for_nothing(
    pristine: Path, tmp_path: Path, page: Page, width: int
) -> None:
    monitor = Monitor(Workspace.open(copied(pristine, tmp_path / "asked")))
    assert monitor.step()
    written = tmp_path / "monitor.html"
    written.write_text(monitor.seen().to_html(), encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(written.as_uri())
    assert "harmful shift" in page.locator("h1").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg").count() >= 3


@pytest.mark.parametrize("width", [380, 1280])
def test_the_page_of_a_release_fits_its_window_and_asks_for_nothing(
    tmp_path: Path, page: Page, width: int
) -> None:
    written = tmp_path / "release.html"
    written.write_text(report.to_html("version 2 against version 1", PROMOTED), encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(written.as_uri())
    assert page.locator("h1").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg").count() >= 3
