"""Logins and rights on a server that asks for them: who is refused is told why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from fullturn.core.errors import AccessDenied, StoreUnavailable
from fullturn.registry import promotion
from fullturn.registry.promotion import Admission
from fullturn.store import Store
from fullturn.tracking.runs import reap
from fullturn.verbs.workspace import Workspace
from tests.conftest import PASSWORD, mlflow_server
from tests.store.models import registered

pytestmark = pytest.mark.slow
As = Callable[[str], Store]


@pytest.fixture
def as_(server_with_logins: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> As:
    """One project on the server, as different people see it; `""` is nobody."""
    name = f"project-{uuid4().hex[:8]}"

    def opened(who: str, password: str = PASSWORD) -> Store:
        for variable, value in (("USERNAME", who), ("PASSWORD", who and password)):
            monkeypatch.setenv(f"MLFLOW_TRACKING_{variable}", value)
        return Store(server_with_logins, name, tmp_path)

    return opened


def experiments(uri: str) -> set[str]:
    found = httpx.get(
        f"{uri}/api/2.0/mlflow/experiments/search?max_results=1000", auth=("admin", PASSWORD)
    )
    return {one["name"] for one in found.json()["experiments"]}


def test_a_missing_a_wrong_and_a_weak_login_are_told_from_each_other(
    as_: Callable[..., Store],
) -> None:
    as_("admin").start_run("train", "first", {}, {})
    with pytest.raises(StoreUnavailable, match="denied access: no login is set; set MLFLOW_TRACK"):
        as_("").runs()
    with pytest.raises(StoreUnavailable, match="login 'reader' is unknown, wrong or has expired"):
        as_("reader", "wr0ng-Passw0rd-xyz").runs()
    with pytest.raises(AccessDenied, match="does not permit this to login 'reader' .*administrat"):
        as_("reader").start_run("train", "second", {}, {})


def test_who_acts_is_the_login_with_the_name_in_the_settings_beside_it(
    as_: As, tmp_path: Path, server_uri: str
) -> None:
    store = as_("reader")
    assert store.login == "reader"
    assert Store(server_uri, "project", tmp_path).login is None
    toml = f'name = "project"\napp = "baseline"\ntracking_uri = "{store.uri}"\n'
    (tmp_path / "fullturn.toml").write_text(toml + '[experiment]\nowner = "Ada"\n')
    assert Workspace.open(tmp_path).owner == "reader (Ada)"


def test_a_host_name_that_the_server_refuses_is_named(empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    allowed = ("--allowed-hosts", "mlflow.example.org")
    with mlflow_server(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", *allowed) as uri:
        host = uri.removeprefix("http://")
        with pytest.raises(StoreUnavailable, match=f"refuses the host name '{host}' in its addr"):
            Store(uri, "project", tmp_path).runs()


def test_who_may_only_read_is_stopped_by_no_repair(as_: As, tmp_path: Path) -> None:
    admin = as_("admin")
    version = registered(admin)
    promotion.promote(admin, version, Admission(), actor="me", reason="the first")
    httpx.request(
        "DELETE",
        f"{admin.uri}/api/2.0/mlflow/registered-models/alias",
        auth=("admin", PASSWORD),
        json={"name": admin.name, "alias": "champion"},
    ).raise_for_status()
    host = {"fullturn.host": os.uname().nodename, "fullturn.pid": "1", "fullturn.pid_started": "0"}
    lost = admin.start_run("train", "of a dead process", {}, host)
    reader = as_("reader")
    assert promotion.sync_alias(reader) == 1 and reader.alias(reader.name, "champion") is None
    with pytest.raises(AccessDenied):
        promotion.sync_alias(reader, forced=True)
    assert reap(reader, tmp_path) == [] and reader.run(lost).status == "RUNNING"


def test_reading_makes_no_experiment(as_: As, tmp_path: Path) -> None:
    for who in ("reader", "admin"):
        store = as_(who)
        assert store.runs() == reap(store, tmp_path) == []
        assert promotion.history(store) == []
        assert store.name not in experiments(store.uri)
