"""A prompt and its cases through the whole lifecycle; a stand-in answers, over real HTTP."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fullturn.core.errors import DataError, Refused, SettingsError, UsageError
from fullturn.core.showing import view
from fullturn.registry import promotion, versions
from fullturn.subjects.prompt import bundle
from fullturn.verbs import compare, predict
from fullturn.verbs.data import commit
from fullturn.verbs.init import init
from fullturn.verbs.serve import server
from fullturn.verbs.train import train, undominated
from fullturn.verbs.turn import Step, turn
from fullturn.verbs.verify import verify
from fullturn.verbs.workspace import Workspace, load
from tests.projects import copied
from tests.stand_in import BLAME, PRAISE, StandIn, stand_in

pytestmark = pytest.mark.slow
PROMPT = """\
---
labels: [satisfied, disappointed]
---
system:
Say whether the customer is satisfied or disappointed.

user:
Review: {{review}}
"""


def reviews(count: int, seed: int = 1) -> list[dict[str, object]]:
    """Reviews whose mood is in their last words, and a tag."""
    source, rows = random.Random(seed), []
    for number in range(count):
        word = source.choice([*PRAISE, *BLAME])
        text = f"number {number} came on a {source.choice(['Monday', 'Friday'])}, and it: {word}"
        mood = "satisfied" if word in PRAISE else "disappointed"
        rows.append({"review": text, "answer": mood, "tags": [source.choice(["shop", "web"])]})
    return rows


def write_cases(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def turned_prompt(
    running: StandIn, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Path:
    """A project whose first turn made a champion of the prompt."""
    folder = tmp_path_factory.mktemp("prompts")
    root = folder / "project"
    (folder / "triage.md").write_text(PROMPT)
    started = init(
        root, prompt=folder / "triage.md", cases=write_cases(folder / "c.jsonl", reviews(240))
    )
    assert started.inferred is not None
    (root / ".fullturn").mkdir()
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    toml = (root / "fullturn.toml").read_text()
    llm = f'\n[llm]\nbase_url = "{running.base_url}"\nmodel = "careful"\n'
    toml = toml.replace("[prompt]", "[prompt]\nperturbations = ['case', 'paraphrase']")
    toml += llm + '\n[signing]\nmethod = "none"\n'
    (root / "fullturn.toml").write_text(toml)
    turn(Workspace.open(root))
    return root


@pytest.fixture
def project(turned_prompt: Path, running: StandIn, tmp_path: Path) -> Iterator[Workspace]:
    running.asked.clear()
    yield Workspace.open(copied(turned_prompt, tmp_path / "project"))
    running.message, running.finish = None, "stop"


def changed(project: Workspace, before: str, after: str, file: str = "fullturn.toml") -> Workspace:
    path = project.root / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return Workspace.open(project.root)


def test_a_prompt_becomes_champion_and_a_second_turn_has_nothing_to_do(project: Workspace) -> None:
    champion = versions.version(project.store, "champion")
    folder, record = versions.files(project.store, champion)
    asked = bundle.read(folder / "bundle")
    assert (asked.model, asked.labels) == ("careful", ["satisfied", "disappointed"])
    assert record["params"]["prompt"] == "prompts/triage.md"
    assert not any(step.done for step in turn(project))
    assert project.subject.contract.text == "review"
    assert verify(project, str(champion.version)).exit_code == 0


def test_an_edited_prompt_is_trained_and_refused_where_it_is_worse(project: Workspace) -> None:
    changed(project, "satisfied or disappointed", "happy or not", "prompts/triage.md")
    steps: list[Step] = []
    with pytest.raises(Refused, match="EVAL"):
        turn(project, on_step=steps.append)
    [edited] = [one for one in steps if one.stage == "experiments"]
    assert edited.done and edited.why.startswith("prompts/triage.md changed since")
    assert promotion.champion(project.store) == 1
    changed(project, "happy or not", "satisfied or disappointed", "prompts/triage.md")
    assert not any(step.done for step in turn(project))


def test_another_model_is_something_new(project: Workspace) -> None:
    with pytest.raises(Refused, match="EVAL"):
        turn(changed(project, 'model = "careful"', 'model = "fast"'))
    assert promotion.champion(project.store) == 1
    champion = predict.predict(Workspace.open(project.root), [{"review": "it: broke"}])
    assert champion[0].output["label"] == "disappointed"


def test_prompts_models_and_parameters_race_with_their_cost(project: Workspace) -> None:
    space = 'space = { model = ["careful", "fast"] }'
    prices = "prices = { careful = [2.0, 8.0], fast = [0.5, 1.0] }"
    project = changed(project, "[prompt]", f"[prompt]\n{space}\n{prices}")
    trials = train(project, search=3)
    assert {trial.run.params["model"] for trial in trials} == {"", "careful", "fast"}
    assert trials.run.params["model"] != "fast"
    assert 0 < trials.run.metrics["validation.cost"] < 0.001
    frontier = {trial.run.params["model"] for trial in undominated(trials)}
    assert len(frontier) > 1 and "fast" in frontier  # worse, and cheaper
    assert "better and cheaper" in " ".join(map(str, view(trials)))
    ids = [trial.run.id for trial in trials if not trial.race.stopped][:3]
    wrong = next(trial.run for trial in trials if trial.run.params["model"] == "fast")
    pair = compare.compare(project, wrong.id, ids[0])
    assert pair.params["model"] == ("fast", pair.params["model"][1])
    assert all(one.answers[1] == one.expected != one.answers[0] for one in pair.flips)
    assert pair.flips
    matrix = compare.compare(project, ids[0], wrong.id, ids[1]).matrix
    assert matrix is not None and len(matrix.runs) == 3
    assert matrix.metrics["cost"][1] < matrix.metrics["cost"][0]
    row = matrix.split[0]
    assert row.scores == (1.0, 0.0, 1.0) and row.answers[0] == row.expected != row.answers[1]
    shown = " ".join(map(str, view(compare.compare(project, ids[0], wrong.id, ids[1]))))
    assert "score alike in all runs" in shown and "✗ " in shown
    with pytest.raises(UsageError, match="named twice"):
        compare.compare(project, ids[0], wrong.id, ids[0])


def test_it_is_served_with_the_key_of_its_address(
    project: Workspace, running: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")
    running.keys.clear()
    with server(project, port=0) as address:
        reply = httpx.post(f"{address}/predict", json={"inputs": [{"review": "it: awful"}]})
    assert reply.status_code == 200
    assert "disappointed" in reply.text
    assert running.keys[-1] == "Bearer sk-test-123456"


def test_refused_cut_and_empty_answers_are_outcomes_and_not_cached(
    project: Workspace, running: StandIn
) -> None:
    row = {"review": "never asked before: great"}
    for message, finish, outcome in (
        ({"content": None, "refusal": "I must not."}, "stop", "refused"),
        ({"content": "satis"}, "length", "cut off"),
        ({"content": ""}, "stop", "empty"),
        ({"content": ""}, "content_filter", "filtered"),
    ):
        running.message, running.finish = message, finish
        [found] = predict.predict(project, [row])
        assert found.output["outcome"] == outcome
    running.message, running.finish = None, "stop"
    [found] = predict.predict(project, [row])
    assert found.output["label"] == "satisfied" and "outcome" not in found.output


def test_a_wrong_prompt_parameter_or_scorer_is_refused_before_a_run_begins(
    project: Workspace,
) -> None:
    count = len(project.store.runs("train"))
    for before, after, problem in (
        ('scorers = ["accuracy"]', 'scorers = ["acuracy"]', "did you mean 'accuracy'"),
        ('"prompts/triage.md"', '"prompts/none.md"', "cannot be read"),
    ):
        wrong = changed(project, before, after)
        with pytest.raises(UsageError, match=problem):
            train(wrong)
        changed(project, after, before)
    for params, problem in (
        ({"temperature": 3.0}, "temperature = 3.0: allowed is a number from 0 to 2"),
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"prompt": "other.md"}, "an edit would not be noticed"),
        ({"prompt": "prompts/../../x.md"}, "an edit would not be noticed"),
        ({"shots": 100}, "there are .* train rows"),
    ):
        with pytest.raises((UsageError, DataError), match=problem):
            train(project, params)
    changed(project, "{{review}}", "{{text}}", "prompts/triage.md")
    with pytest.raises(UsageError, match=r"placeholder \{\{text\}\}.*columns: review"):
        train(project)
    assert len(project.store.runs("train")) - count <= 1  # shots depend on the rows


def test_a_key_of_the_settings_goes_to_no_other_address(
    project: Workspace, running: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")
    other = changed(project, running.base_url, "http://127.0.0.1:9/v1")
    running.keys.clear()
    [found] = predict.predict(other, [{"review": "never asked, not here: great"}])
    assert found.output["label"] == "satisfied" and running.keys == [None]


def begun(folder: Path, database: Path, running: StandIn, **given: Path) -> Workspace:
    """A new project that asks the stand-in, with one dataset version."""
    init(folder / "project", **given)  # type: ignore[arg-type]
    (folder / "project" / ".fullturn").mkdir()
    shutil.copy(database, folder / "project" / ".fullturn" / "mlflow.db")
    with (folder / "project" / "fullturn.toml").open("a") as file:
        file.write(f'\n[llm]\nbase_url = "{running.base_url}"\nmodel = "careful"\n')
    project = Workspace.open(folder / "project")
    commit(project, [], "first")
    return project


def test_json_of_a_schema_is_asked_for_and_scored_field_by_field(
    tmp_path: Path, empty_database: Path, running: StandIn
) -> None:
    kinds = {"order": {"type": ["string", "null"]}, "mood": {"enum": ["satisfied", "angry"]}}
    schema = {"type": "object", "properties": kinds, "required": ["order", "mood"]}
    (tmp_path / "order.json").write_text(json.dumps(schema))
    (tmp_path / "p.txt").write_text("Extract from: {{mail}}")
    rows = [
        {"mail": f"Order {n} works", "expected": {"order": str(n), "mood": "satisfied"}}
        for n in range(20)
    ]
    cases = write_cases(tmp_path / "c.jsonl", [*rows, {**rows[0], "mail": "My order 0 broke"}])
    project = begun(
        tmp_path,
        empty_database,
        running,
        prompt=tmp_path / "p.txt",
        cases=cases,
        schema=tmp_path / "order.json",
    )
    running.asked.clear()
    [trial] = train(project)
    found = {row.input["mail"]: row for row in trial.race.evaluation.rows}
    assert trial.race.evaluation.metrics == ("fields", "json_schema")
    assert all(row.scores["fields"] == 1 for mail, row in found.items() if "works" in mail)
    assert running.asked[0]["response_format"]["json_schema"]["schema"] == schema
    baseline = project.subject.baseline(load(project)).predict([{}])
    assert baseline[0]["json"]["mood"] == "satisfied"


def test_texts_are_graded_by_a_rubric(
    tmp_path: Path, empty_database: Path, running: StandIn
) -> None:
    (tmp_path / "p.txt").write_text("Is the customer satisfied?")
    rows = [{"question": f"{n} is great", "rubric": "Says sorry."} for n in range(20)]
    cases = write_cases(tmp_path / "c.jsonl", rows)
    project = begun(tmp_path, empty_database, running, prompt=tmp_path / "p.txt", cases=cases)
    [trial] = train(project)
    [name] = trial.race.evaluation.metrics
    assert name == "judge_rubric" and trial.score == 0
    assert all(row.output["text"] == "satisfied" for row in trial.race.evaluation.rows)
    assert project.subject.can("generated text")


def test_the_settings_name_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "fullturn.toml").write_text('name = "x"\napp = "prompt"\n')
    with pytest.raises(SettingsError, match=r"\[prompt\] file is not set"):
        Workspace.open(tmp_path).subject.defaults  # noqa: B018
