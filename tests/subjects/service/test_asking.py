"""Services that are down, slow or wrong, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fullturn.core.errors import AppError, FullturnError, ServiceUnavailable
from fullturn.subjects.service.app import ServicePredictor
from fullturn.subjects.service.asking import Limits
from fullturn.subjects.service.reference import ServiceReference
from tests.services import Services, services

KINDS = {"age": "number", "income": "number", "city": "category"}
ROWS = [{"age": 30.0 + 5 * n, "income": 3.0, "city": "Genf"} for n in range(5)]
LABELS = [{"label": one} for one in ("no", "no", "no", "yes", "yes")]


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with services() as found:
        yield found


@pytest.fixture
def team(running: Services) -> Services:
    running.fault = ""
    running.at_once = 0
    running.asked.clear()
    running.headers.clear()
    running.answered.clear()
    return running


def asking(address: str, limits: Limits | None = None, **changes: object) -> ServicePredictor:
    fields = {"protocol": "mlflow", "url": f"{address}/mlflow/good", **changes}
    reference = ServiceReference(model="", task="classification", kinds=KINDS, **fields)  # type: ignore[arg-type]
    return ServicePredictor(reference, {"X-Key": "open sesame"}, limits or Limits(retries=2))


def test_many_rows_are_one_request_with_the_headers(team: Services) -> None:
    assert asking(team.address).predict(ROWS) == LABELS
    assert len(team.asked) == 1
    assert team.headers[0]["x-key"] == "open sesame"


def test_batches_are_no_larger_than_allowed(team: Services) -> None:
    assert asking(team.address, Limits(batch_rows=2)).predict(ROWS) == LABELS
    sizes = [len(one["dataframe_split"]["data"]) for one in team.asked]
    assert sorted(sizes) == [1, 2, 2]


def test_single_rows_are_asked_some_at_a_time_and_answered_in_order(team: Services) -> None:
    team.fault = "concurrent"
    own = asking(
        team.address,
        Limits(concurrency=3),
        url=f"{team.address}/own/good",
        protocol="json",
        input="/features",
        fields={"label": "/result/class"},
    )
    assert own.predict(ROWS) == LABELS
    assert team.at_once == 3


def test_a_service_that_is_busy_is_asked_again(team: Services) -> None:
    team.fault = "down for 2"
    assert asking(team.address).predict(ROWS) == LABELS
    assert len(team.asked) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "said", "requests"),
    [
        ("down for 9", ServiceUnavailable, r"answered 503.*busy.*try again later", 3),
        ("come back tomorrow", ServiceUnavailable, r"429.*wait for '86400'", 1),
        ("crashes", AppError, r"500.*boom.*see the log", 1),
        ("login page", AppError, r"no JSON.*text/html.*Sign in.*check url", 1),
        ("nan", AppError, "nan is no label", 1),
        ("other shape", AppError, r"another form.*nothing at '/predictions'.*result", 1),
        ("moved", AppError, r"307.*https://new\.example\.org/", 1),
        ("refuses token", AppError, r"401.*token_env", 1),
        ("slow", ServiceUnavailable, r"within 0\.3 s; raise timeout", 1),
    ],
)
def test_a_fault_is_a_clear_error_and_only_what_was_not_processed_is_asked_again(
    team: Services, fault: str, kind: type[FullturnError], said: str, requests: int
) -> None:
    team.fault = fault
    with pytest.raises(kind, match=f"(?s){team.address}.*{said}") as raised:
        asking(team.address, Limits(timeout=0.3 if fault == "slow" else 10)).predict(ROWS)
    assert len(team.asked) == requests
    assert "sesame" not in str(raised.value)


def test_a_service_that_drips_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        import threading
        import time

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(40):
                    time.sleep(0.05)
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(ServiceUnavailable, match=r"within 0\.3 s"):
            asking(address, Limits(timeout=0.3)).predict(ROWS)


def test_a_service_that_is_gone_is_named_with_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnavailable, match=rf":{port}/.*cannot be reached.*service runs"):
        asking(f"http://127.0.0.1:{port}", Limits(retries=0)).predict(ROWS)
