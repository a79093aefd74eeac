"""The bill of materials is valid CycloneDX 1.6, complete, and the same when made again."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest

from fullturn.core.errors import IntegrityError
from fullturn.evidence import sbom
from fullturn.evidence.sbom import Asked, Bill
from fullturn.tracking.provenance import environment

REFERRED = ("spdx", "jsf-0.82", "cryptography-defs")
DIGEST, WEIGHTS = "ab" * 32, "cd" * 32
LLM = Asked("weights.gguf", "1.0", "llm-weights", f"sha256:{WEIGHTS}")


def bill(text: str, llm: Asked | None = None) -> Bill:
    return Bill("mail", 3, DIGEST, "2026-01-02T03:04:05+00:00", text, llm)


def made(of: Bill) -> dict[str, Any]:
    return dict(json.loads(sbom.to_json(of)))


def named(of: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in of["components"]}


def schema(name: str) -> Any:
    place = files("cyclonedx.schema._res").joinpath(f"{name}.SNAPSHOT.schema.json")
    return json.loads(place.read_text(encoding="utf-8"))


def validator() -> jsonschema_rs.Draft7Validator:
    """The schema that the specification publishes, with those that it refers to."""
    place = "http://cyclonedx.org/schema/{}.SNAPSHOT.schema.json"
    parts = [(place.format(name), schema(name)) for name in REFERRED]
    registry = jsonschema_rs.Registry(parts)
    return jsonschema_rs.Draft7Validator(schema("bom-1.6"), registry=registry)


def test_the_bill_of_this_environment_is_valid() -> None:
    found = made(bill(environment()[1], LLM))
    validator().validate(found)
    del found["bomFormat"]
    with pytest.raises(jsonschema_rs.ValidationError):
        validator().validate(found)


def test_every_distribution_python_the_model_and_its_llm_are_in_it() -> None:
    text = environment()[1]
    found = made(bill(text, LLM))
    parts = named(found)
    assert {*parts} == {name for name, _ in sbom.pins(text)} | {"weights.gguf"}
    assert parts["mlflow"]["purl"] == f"pkg:pypi/mlflow@{version('mlflow')}"
    assert parts["python"]["type"] == "platform"
    assert parts["weights.gguf"]["hashes"] == [{"alg": "SHA-256", "content": WEIGHTS}]
    model = found["metadata"]["component"]
    assert (model["name"], model["version"]) == ("mail", "3")
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": DIGEST}]
    [needs] = [d for d in found["dependencies"] if d["ref"] == model["bom-ref"]]
    assert len(needs["dependsOn"]) == len(parts)


def test_licences_are_those_of_the_same_version_installed_here() -> None:
    here = version("click")
    parts = named(made(bill(f"python==3.11.7\nclick=={here}\nClick_Extra==1\nmlflow==0.0.1")))
    assert parts["click"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert "licenses" not in parts["mlflow"]  # another version may have another licence
    assert parts["Click_Extra"]["purl"] == "pkg:pypi/click-extra@1"


def test_the_same_record_makes_the_same_bytes_and_another_bundle_another_serial() -> None:
    text = "python==3.11.7\nb==2\na==1\na==1"
    first, again = sbom.to_json(bill(text)), sbom.to_json(bill(text))
    assert first == again
    found = json.loads(first)
    assert found["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    other = made(Bill("mail", 3, WEIGHTS, "2026-01-02T03:04:05+00:00", text))
    assert other["serialNumber"] != found["serialNumber"]
    assert len(found["components"]) == 3


def test_a_remote_llm_is_named_and_its_weights_are_called_unknown() -> None:
    found = made(bill("python==3.11.7", Asked("big-model", None, None, None)))
    validator().validate(found)
    [llm] = [c for c in found["components"] if c["name"] == "big-model"]
    assert "hashes" not in llm
    assert llm["properties"][0]["value"] == "their digest is not known"


def test_an_environment_that_was_not_kept_leaves_the_model_alone() -> None:
    found = sbom.to_json(bill(""))
    validator().validate(json.loads(found))
    assert sbom.read(found) == sbom.Stated(DIGEST, 0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"bomFormat": "CycloneDX"}', "[" * 100_000])
def test_what_is_no_bill_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="no CycloneDX 1.6 bill"):
        sbom.read(text)
