"""The files of a prompt's bundle: one JSON file says everything but the key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import Scalar
from fullturn.core.errors import BundleError
from fullturn.core.parsing import from_json
from fullturn.llm.template import Prompt

FILE = "prompt.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one version asks, of which model."""

    prompt: Prompt
    model: str
    base_url: str | None
    """The API; None for the embedded LLM."""
    weights: str
    """Digest of the embedded LLM's weights; empty for an API."""
    parameters: Mapping[str, Scalar]
    """`temperature`, `max_tokens` and `seed`."""
    shots: Sequence[Mapping[str, str]] = ()
    """Examples from the train split: messages of users and answers."""
    labels: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None
    limited: bool = True
    column: str = ""
    """The column whose text is the user's."""

    def write(self, folder: Path) -> None:
        """Write it into a bundle."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Asked:
    """What a bundle asks.

    Raises:
        BundleError: it is missing or damaged.
    """
    try:
        found = from_json((folder / FILE).read_bytes())
        return Asked(**{**found, "prompt": Prompt(**found["prompt"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{folder / FILE} cannot be read: {error!r}; train again") from None
