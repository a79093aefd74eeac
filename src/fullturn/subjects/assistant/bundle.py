"""The files of an assistant's bundle: text and JSON, written and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fullturn.core.errors import BundleError
from fullturn.subjects.assistant.index import Passage
from fullturn.subjects.assistant.predictor import Rules
from fullturn.subjects.assistant.retrieval import FusionWeights
from fullturn.subjects.vectors import weights_digest

_PASSAGES = "passages.jsonl"
_FUSION = "fusion.json"
_ANSWER = "answer.json"
_SYNONYMS = "synonyms.txt"
_PROMPT = "prompts/answer.txt"


@dataclass(frozen=True, slots=True)
class Files:
    """The content of a bundle."""

    passages: Sequence[Passage]
    thesaurus: str
    weights: FusionWeights
    rules: Rules


def write(folder: Path, files: Files) -> None:
    """Write everything that `read` needs."""
    lines = [json.dumps(asdict(passage), ensure_ascii=False) for passage in files.passages]
    (folder / _PASSAGES).write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(folder / _FUSION, {**asdict(files.weights), "vectors": weights_digest()})
    (folder / _SYNONYMS).write_text(files.thesaurus, encoding="utf-8")
    settings = asdict(files.rules)
    template = settings.pop("template")
    _write_json(folder / _ANSWER, settings)
    if template:
        (folder / _PROMPT).parent.mkdir(exist_ok=True)
        (folder / _PROMPT).write_text(template, encoding="utf-8")


def read(folder: Path) -> Files:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, or is not what `write` writes.
    """
    try:
        lines = (folder / _PASSAGES).read_text(encoding="utf-8").splitlines()
        passages = [Passage(**json.loads(line)) for line in lines]
        thesaurus = (folder / _SYNONYMS).read_text(encoding="utf-8")
        fusion = _read_json(folder / _FUSION)
        vectors = fusion.pop("vectors")
        weights = FusionWeights(**fusion)
        prompt = folder / _PROMPT
        template = prompt.read_text(encoding="utf-8") if prompt.is_file() else ""
        rules = Rules(**_read_json(folder / _ANSWER), template=template)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(f"{folder} is not an assistant's bundle ({error}); train again") from None
    if vectors != weights_digest():
        raise BundleError(
            f"{folder} was made with other word vectors ({str(vectors)[:12]}) than the installed "
            f"ones ({weights_digest()[:12]}); install the wordllama of its run, or train again"
        )
    if rules.answer != "extractive" and not template:
        raise BundleError(f"{folder / _PROMPT} is missing; train again")
    return Files(passages, thesaurus, weights, rules)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
