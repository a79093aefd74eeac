"""A loaded assistant: the files of its bundle, and answers with their citations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Input, Output
from fullturn.core.errors import BundleError, DataError
from fullturn.subjects.assistant.answering import (
    ABSTENTION,
    Draft,
    answer_sentences,
    extract,
    generate,
    guard,
    ungrounded,
)
from fullturn.subjects.assistant.index import Index, Passage
from fullturn.subjects.assistant.parameters import MAX_TOKENS, AnswerKind
from fullturn.subjects.assistant.retrieval import FusionWeights, Ranking, Retriever
from fullturn.subjects.assistant.text import sentences
from fullturn.subjects.vectors import weights_digest

if TYPE_CHECKING:
    from fullturn.subjects.assistant.answering import Ask


_LISTED = 5


@dataclass(frozen=True, slots=True)
class Rules:
    """How a bundle answers."""

    answer: AnswerKind
    passages: int
    sentences: int
    threshold: float
    tokens: int = MAX_TOKENS
    """Most tokens of an LLM's answer."""
    template: str = ""
    """The prompt; empty for quotes."""


class AssistantPredictor:
    """Answers questions from the passages of a retriever."""

    def __init__(self, retriever: Retriever, rules: Rules, ask: Ask, context: str = "") -> None:
        self._retriever = retriever
        self._rules = rules
        self._ask = ask
        self._context = context

    def predict(self, rows: Sequence[Input]) -> Sequence[Output]:
        """Answer each row's `question`.

        Raises:
            DataError: a row has no question.
            LLMUnavailable: the LLM was needed and did not answer.
        """
        return [self._answer(_question(row)) for row in rows]

    def _answer(self, question: str) -> Output:
        ranking = self._retriever.rank(question)
        draft = Draft("", ())
        if ranking.confidence >= self._rules.threshold:
            draft = self._draft(question, ranking)
        order = [self._retriever.index.passages[number] for number in ranking.passages]
        return _output(draft, ranking.confidence, order)

    def _draft(self, question: str, ranking: Ranking) -> Draft:
        rules, index = self._rules, self._retriever.index
        quoted = extract(index, ranking, rules.passages, rules.sentences)
        if rules.answer == "extractive":
            return quoted
        written = generate(self._ask, rules.template, question, quoted, self._context, rules.tokens)
        return guard(written, quoted) if rules.answer == "guarded" else written


class FirstSentence:
    """The baseline: the first sentence of BM25's best passage, whatever the question."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def predict(self, rows: Sequence[Input]) -> Sequence[Output]:
        """Answer each row's `question`; never abstains."""
        return [self._answer(_question(row)) for row in rows]

    def _answer(self, question: str) -> Output:
        order = [self._index.passages[number] for number in self._index.bm25(question)]
        text = sentences(order[0].text)[0]
        return _output(Draft(text, (order[0],)), 1.0, order)


def _output(draft: Draft, confidence: float, retrieved: Sequence[Passage]) -> Output:
    return {
        "answer": draft.text or ABSTENTION,
        "abstained": not draft.text,
        "confidence": round(confidence, 6),
        "grounded": _grounded(draft),
        "citations": [passage.id for passage in draft.passages],
        "passages": [_quoted(passage) for passage in draft.passages],
        "retrieved": [passage.id for passage in retrieved[:_LISTED]],
        "prompt_tokens": draft.prompt_tokens,
        "completion_tokens": draft.completion_tokens,
    }


def _grounded(draft: Draft) -> float:
    """Share of the sentences that a cited passage supports; quotes are supported by themselves."""
    parts = answer_sentences(draft.text) if draft.completion_tokens else []
    if not parts:
        return 1.0
    left = ungrounded(draft.text, [passage.text for passage in draft.passages])
    return round(1 - len(left) / len(parts), 6)


def _quoted(passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "sources": passage.sources,
    }


def _question(row: Input) -> str:
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise DataError(f"a row needs a text `question`, not {question!r}")
    return question


_PASSAGES = "passages.jsonl"
_FUSION = "fusion.json"
_ANSWER = "answer.json"
_SYNONYMS = "synonyms.txt"
_PROMPT = "prompts/answer.txt"


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """The content of a bundle."""

    passages: Sequence[Passage]
    thesaurus: str
    weights: FusionWeights
    rules: Rules


def write_files(folder: Path, files: BundleFiles) -> None:
    """Write everything that `read_files` needs."""
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


def read_files(folder: Path) -> BundleFiles:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, or is not what `write_files` writes.
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
    return BundleFiles(passages, thesaurus, weights, rules)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
