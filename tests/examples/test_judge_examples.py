"""The examples beside other systems: manifests fit their schemas, and what they run decides."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "judge"
NAMES = ("argo-rollouts", "flagger", "kserve")
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
GOOD, BAD = 0.02, 0.4


def manifest(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))


def validate(name: str, content: dict[str, Any]) -> None:
    schema = json.loads((HERE / "schemas" / f"{name}.json").read_text())
    jsonschema.validate(content, schema)


def lines(rate: float, number: int, start: int = 0) -> Iterator[str]:
    rng = random.Random(start)
    for n in range(start, start + number):
        arm, bad = ("canary", rate) if n % 2 else ("stable", GOOD)
        yield json.dumps({"arm": arm, "user": f"u{n}", "errors": int(rng.random() < bad)}) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_fits_the_schema_of_its_system(name: str) -> None:
    content = manifest(name)
    validate(name, content)
    content["spec"]["weight"] = 10
    with pytest.raises(jsonschema.ValidationError, match="weight"):
        validate(name, content)


@contextmanager
def stream(rate: float) -> Iterator[str]:
    """A service that sends a line per answer for as long as somebody reads."""

    class Outcomes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            start = 0
            try:
                while True:
                    self.wfile.write("".join(lines(rate, 20, start)).encode())
                    start += 20
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Not in the tests' output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outcomes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(("rate", "code"), [(GOOD, 0), (BAD, 1)])
def test_the_job_of_argo_rollouts_ends_with_the_verdict(rate: float, code: int) -> None:
    spec = manifest("argo-rollouts")["spec"]
    job = spec["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]
    container = job["containers"][0]
    with stream(rate) as address:
        given = {one["name"]: one.get("value", address) for one in spec["args"]}
        [script] = container["args"]
        for name, value in given.items():
            script = script.replace("{{args." + name + "}}", value)
        done = subprocess.run(
            [*container["command"], script], env={**os.environ, "PATH": PATH}, timeout=120,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert ("promote" if code == 0 else "roll back") in done.stdout


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.spec_from_file_location("webhook", EXAMPLES / "flagger_webhook.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Webhook.log_message = lambda *_: None
    with module.server(tmp_path, 0, "127.0.0.1") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tmp_path
        server.shutdown()


@pytest.mark.parametrize(
    ("rate", "number", "promote", "rollback"),
    [(GOOD, 4000, 200, 409), (BAD, 4000, 409, 200), (GOOD, 40, 409, 409)],
)
def test_the_webhook_tells_flagger_to_promote_or_to_roll_back(
    webhook: tuple[str, Path], rate: float, number: int, promote: int, rollback: int
) -> None:
    address, folder = webhook
    (folder / "models.my-model.85d557f47b.jsonl").write_text("".join(lines(rate, number)))
    call = {"name": "my-model", "namespace": "models", "checksum": "85d557f47b", "phase": "Waiting"}
    found = {one["type"]: one["url"] for one in manifest("flagger")["spec"]["analysis"]["webhooks"]}
    for kind, status in (("confirm-promotion", promote), ("rollback", rollback)):
        path = httpx.URL(found[kind]).path
        assert httpx.post(address + path, json=call).status_code == status


@pytest.mark.parametrize("name", ["other", "../my-model", ""])
def test_the_webhook_says_no_to_what_it_cannot_evaluate(
    webhook: tuple[str, Path], name: str
) -> None:
    address, _ = webhook
    call = {"name": name, "namespace": "models", "checksum": "85d557f47b"}
    for path in ("/promote", "/rollback"):
        assert httpx.post(address + path, json=call).status_code == 503
    assert httpx.post(f"{address}/else", json=call).status_code == 404


KUBECTL = '#!/bin/sh\nfor one; do printf "%s\\n" "$one"; done > "$CALLED"\n'


@pytest.mark.parametrize(
    ("rate", "number", "code", "weight"),
    [(GOOD, 4000, 0, None), (BAD, 4000, 0, 0), (GOOD, 40, 3, 10), (GOOD, 0, 4, 10)],
)
def test_the_weight_of_a_canary_in_kserve_follows_the_verdict(
    tmp_path: Path, rate: float, number: int, code: int, weight: int | None
) -> None:
    """kubectl only notes its arguments: the patch is applied here."""
    outcomes, called = tmp_path / "outcomes.jsonl", tmp_path / "called"
    outcomes.write_text("".join(lines(rate, number)))
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{PATH}", "CALLED": str(called)}
    command = ["sh", str(EXAMPLES / "kserve.sh"), "my-model", str(outcomes)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    content = manifest("kserve")
    predictor = content["spec"]["predictor"]
    if called.exists():
        *words, patch = called.read_text().splitlines()
        assert words == ["patch", "inferenceservice", "my-model", "--type", "merge", "--patch"]
        predictor |= json.loads(patch)["spec"]["predictor"]
    content["spec"]["predictor"] = {k: v for k, v in predictor.items() if v is not None}
    validate("kserve", content)
    assert content["spec"]["predictor"].get("canaryTrafficPercent") == weight
