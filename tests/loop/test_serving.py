"""A project is served from its registry."""

from __future__ import annotations

import httpx
import pytest

from fullturn.loop.project import Project
from fullturn.loop.serving import server
from fullturn.loop.training import train
from fullturn.registry import promotion
from fullturn.registry.versions import DIGEST, GATE, OUTCOME, located

ROW = {"text": "my invoice and the refund are wrong nr 1 by chat"}


def promoted(project: Project, **params: str | float) -> int:
    """Train a version and make it champion, its gate left out."""
    run = train(project, params).run
    source, digest = located(run)
    tags = {DIGEST: digest, OUTCOME: "PASSED", GATE: run.id}
    version = project.store.register("toy", source, run.id, tags)
    promotion.promote(project.store, version, actor="tester", reason="test")
    return version.version


def test_the_champion_answers_over_http(project: Project) -> None:
    promoted(project)
    with server(project, port=0) as address:
        answer = httpx.post(f"{address}/predict", json={"inputs": [ROW], "key": "anna"})
        assert answer.status_code == 200
        assert answer.json()["outputs"] == [{"label": "billing"}]
        assert answer.json()["version"] == 1
