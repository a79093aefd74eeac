"""The software bill of materials of a model version, in CycloneDX 1.6.

It lists what was installed where the model was trained, the model itself, and the LLM that it
asks. It is the same whenever it is made again from the same record, but for licences, which are
known as far as the same distributions are installed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.metadata import PackageMetadata, distributions
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from fullturn.core.errors import IntegrityError

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

PYTHON = "python"
_LONGEST = 60
"""Of a licence's name: what is longer is its text."""
_NO_NAME = {"", "UNKNOWN", "OSI Approved"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The LLM that a model asks; `digest` is the sha256 of its weights, None if not known."""

    name: str
    version: str | None
    package: str | None
    """The distribution that its file came with."""
    digest: str | None


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be listed."""

    model: str
    version: int
    digest: str
    """Of the bundle: the sha256 of its manifest."""
    trained: str
    """ISO 8601."""
    environment: str
    """A line `name==version` for each distribution, and for Python."""
    llm: Asked | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """What a bill states of its model."""

    digest: str
    components: int


def to_json(bill: Bill) -> str:
    """The bill as CycloneDX 1.6 JSON."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.output.json import JsonV1Dot6

    made = Bom(serial_number=uuid5(NAMESPACE_URL, f"{bill.model}/{bill.version}/{bill.digest}"))
    made.metadata.timestamp = datetime.fromisoformat(bill.trained)
    model = _model(bill)
    made.metadata.component = model
    parts = [*map(_distribution, pins(bill.environment)), *([_llm(bill.llm)] if bill.llm else [])]
    made.components.update(parts)
    made.register_dependency(model, parts)
    return str(JsonV1Dot6(made).output_as_string(indent=1)) + "\n"


def read(text: str) -> Stated:
    """The digest that a bill states for the model, and how many components it lists.

    Raises:
        IntegrityError: it is no CycloneDX bill of a model.
    """
    try:
        bill = json.loads(text)
        if (bill["bomFormat"], bill["specVersion"]) != ("CycloneDX", "1.6"):
            raise ValueError("another format")
        model = bill["metadata"]["component"]
        if model["type"] != "machine-learning-model":
            raise ValueError("of something else")
        return Stated(str(model["hashes"][0]["content"]), len(bill.get("components", ())))
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise IntegrityError(f"it is no CycloneDX 1.6 bill of a model ({error})") from None


def pins(environment: str) -> Iterator[tuple[str, str]]:
    """Name and version of each distribution, in order; each once."""
    lines = (line.strip().partition("==") for line in environment.splitlines())
    yield from dict.fromkeys((name, version) for name, _, version in lines if name and version)


def _model(bill: Bill) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=bill.model,
        version=str(bill.version),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{bill.model}@{bill.version}",
        description="sha256 of the bundle's manifest, which lists that of every file",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=bill.digest)],
    )


def _distribution(pin: tuple[str, str]) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, version = pin
    python = name == PYTHON
    purl = PackageURL("generic" if python else "pypi", None, _normal(name), version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.PLATFORM if python else ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=() if python else _licences().get((_normal(name), version), ()),
    )


def _llm(llm: Asked) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    sha256 = (llm.digest or "").removeprefix("sha256:")
    package = [Property(name="fullturn:distribution", value=llm.package)] if llm.package else []
    unknown = [Property(name="fullturn:weights", value="their digest is not known")]
    return Component(
        name=llm.name,
        version=llm.version,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"llm:{llm.name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else (),
        properties=package if sha256 else unknown,
    )


@lru_cache(maxsize=1)
def _licences() -> dict[tuple[str, str], list[License]]:
    """What the distributions installed here say of their licence."""
    return {
        (_normal(one.metadata["Name"]), one.version): _licence(one.metadata)
        for one in distributions()
        if one.metadata
    }


def _licence(metadata: PackageMetadata) -> list[License]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    # The stubs say that a key that is not there raises; it gives None.
    found: Any = metadata
    if expression := found.get("License-Expression"):
        return [LicenseExpression(expression)]
    named = str(found.get("License") or "").strip()
    if named in _NO_NAME or len(named) > _LONGEST or "\n" in named:
        return [DisjunctiveLicense(name=name) for name in _classified(metadata)]
    identifier = _spdx(named)
    return [DisjunctiveLicense(id=identifier) if identifier else DisjunctiveLicense(name=named)]


def _classified(metadata: PackageMetadata) -> list[str]:
    lines: Iterable[str] = metadata.get_all("Classifier") or ()
    named = (line.rpartition("::")[2].strip() for line in lines if line.startswith("License ::"))
    return sorted(set(named) - _NO_NAME)


def _spdx(name: str) -> str | None:
    from cyclonedx.spdx import fixup_id

    return fixup_id(name)


def _normal(name: str) -> str:
    """A name as the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
