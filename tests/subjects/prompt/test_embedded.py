"""The embedded LLM behind a prompt: limited to the labels, with their probabilities."""

from pathlib import Path

import pytest

from fullturn.llm import LLM
from fullturn.llm.template import Prompt
from fullturn.subjects.prompt.app import PromptApp
from fullturn.subjects.prompt.bundle import Asked
from fullturn.subjects.prompt.predictor import PromptPredictor

pytestmark = pytest.mark.slow
TRIAGE = Prompt((
    {
        "role": "system",
        "content": "You read product reviews and say whether the customer is satisfied or "
        "disappointed.",
    },
    {"role": "user", "content": "Review: {{review}}"},
    {"role": "assistant", "content": "The customer is"},
))  # fmt: skip


def test_it_answers_one_of_the_labels_as_sure_as_it_is(tmp_path: Path) -> None:
    asked = Asked(
        TRIAGE,
        "embedded",
        None,
        LLM().digest,
        {"temperature": 0.0, "max_tokens": 8, "seed": 0},
        labels=("satisfied", "disappointed"),
    )
    asked.write(tmp_path)
    rows = [{"review": "I love it, it works great."}, {"review": "It broke at once. Awful!"}]
    found = PromptApp().load(tmp_path).predict(rows)
    assert [one["label"] for one in found] == ["satisfied", "disappointed"]
    for one in found:
        assert 0.5 <= one["confidence"] == max(one["probabilities"].values()) < 1
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert PromptPredictor(asked, LLM()).predict(rows) == found
