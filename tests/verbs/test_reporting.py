"""The report of a pipeline, on a real champion and the candidates after it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fullturn.core import credentials
from fullturn.core.entities import Code, Evaluation, Example, ScoredRow
from fullturn.core.records import ENVIRONMENT, REPORTS
from fullturn.core.settings import GateSettings
from fullturn.core.tags import PREFIX
from fullturn.pipeline.records import Checkout, DataChange, Delivery, Flip, StepResult
from fullturn.pipeline.report import from_json, to_json, to_markdown
from fullturn.subjects.subject import Subject
from fullturn.verbs import gate, promote
from fullturn.verbs.ci import changes, paired
from fullturn.verbs.ci import report as writing
from fullturn.verbs.ci.changes import ComparedRuns, DataFound
from fullturn.verbs.ci.report import collect
from fullturn.verbs.data import commit
from fullturn.verbs.gate import ROWS
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.conftest import free_port
from tests.projects import copied
from tests.verbs.conftest import write_rows
from tests.verbs.talker import Talker
from tests.verbs.toy import Toy, messages

COMMIT = "16f6b83aa0c98a7c1e5d2b6f4e8d9c3b7a6f5e4d"
CHECKOUT = Checkout(Code(COMMIT, False, None), "smoother", "main")
DONE = tuple(
    StepResult(name, f"{name} …", 0, 1.0)
    for name in ("code", "tests", "base", "data", "train", "gate")
)
NOT_YET = StepResult("report", "ci report", None, 0.0)


def ending(name: str, code: int, reason: str = "") -> tuple[StepResult, ...]:
    """Steps of which one failed: those after it were not reached."""
    place = [step.name for step in DONE].index(name)
    failed = replace(DONE[place], exit_code=code, reason=reason)
    after = (replace(step, exit_code=None, seconds=0.0) for step in DONE[place + 1 :])
    return (*DONE[:place], failed, *after, NOT_YET)


def test_neither_the_report_nor_the_summary_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-*r3p*rt@d")
    credentials.secret("MY_API_KEY")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    said = "got sk-*r3p*rt@d, Authorization: Bearer abc-def"
    steps = ending("train", 1, said)
    delivery = Delivery("toy", "COULD_NOT_EVALUATE", said, CHECKOUT, "now", steps, (said,))
    writing._write(delivery, tmp_path)  # noqa: SLF001
    for name in ("report.md", "report.json", "junit.xml", "summary.md"):
        text = (tmp_path / name).read_text()
        assert "r3p" not in text and "abc-def" not in text
    stored = from_json((tmp_path / "report.json").read_text())
    assert stored.steps[4].reason == "got …, Authorization: Bearer …"


@dataclass(frozen=True)
class Story:
    """A project with a champion, and the gates on candidates by what was done."""

    project: Workspace
    gates: Mapping[str, tuple[str, str]]
    """Candidate's run and gate's run."""

    def report(
        self, name: str, steps: tuple[StepResult, ...] = DONE, checkout: Checkout = CHECKOUT
    ) -> Delivery:
        """The report on one of them."""
        run, gate = self.gates[name]
        return collect(self.project, steps, self.project.store.run(run), gate, checkout)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, committed_once: Path) -> Story:
    """First, the same again, a worse one, and one on other data with other settings."""
    root = copied(committed_once, tmp_path_factory.mktemp("story") / "project")
    project, gates = Workspace.open(root), {}

    def gated(name: str, run: str) -> gate.GateResult:
        found = gate.gate(project, run, waive={"BNDL01": "unused"} if name == "same" else {})
        gates[name] = (run, found.run)
        return found

    champion = train(project, {}).run.id
    version = gated("first", champion).version
    assert version is not None
    promote.promote(project, str(version.version), "good")
    gated("same", champion)
    gated("worse", train(project, {"fault": "ruins a slice"}).run.id)
    write_rows(root / "messages.csv", [*messages(1000, seed=1)[60:], *messages(300, seed=9)])
    commit(project, [], "other rows")
    toml = (root / "fullturn.toml").read_text()
    (root / "fullturn.toml").write_text(toml.replace("margin = 0.05", "margin = 0.1", 1))
    project = Workspace.open(root)
    gated("other data", train(project, {"smoothing": 0.5}).run.id)
    return Story(project, gates)


pytestmark = pytest.mark.slow


def test_a_worse_candidate_is_refused_with_the_rows_and_slices_that_it_lost(story: Story) -> None:
    found = story.report("worse", ending("gate", 1))
    assert found.verdict == "FAILED" and "EVAL03" in found.reason
    [score] = found.scores
    assert score.name == "right" and score.high < -0.05 and score.confidence == pytest.approx(0.9)
    assert score.candidate - score.champion == pytest.approx(score.estimate)
    assert found.slices[0].name == "channel=mail" and found.slices[0].confidence > 0.9
    assert [one.moved for one in found.slices] == sorted(o.moved for o in found.slices)[::-1]
    assert found.lost - found.gained == round(-score.estimate * score.rows)
    flip = found.flips[0]
    assert not flip.gained and flip.expected == flip.champion != flip.candidate == "nothing"
    assert flip.question.endswith("by mail")
    assert found.params == {"fault": ("none", "ruins a slice")}
    assert found.packages == {} and found.data is not None
    assert found.data.before == found.data.after and not found.warnings
    assert found.cost is not None and None not in found.cost.train_seconds + found.cost.milliseconds
    assert found.cost.tokens == (None, None)
    assert from_json(to_json(found)) == found


def test_the_scores_are_those_that_the_gate_decided_on(story: Story) -> None:
    found = story.report("worse", ending("gate", 1))
    assert found.gate is not None
    [figures] = [r.figures for r in found.gate.results if r.code == "EVAL03"]
    [score] = found.scores
    of_gate = figures["metrics"]["right"]
    assert (score.low, score.high) == pytest.approx((of_gate["low"], of_gate["high"]))


def test_a_test_set_that_changed_with_the_model_is_the_first_warning(story: Story) -> None:
    found = story.report("other data", (*DONE, NOT_YET))
    assert found.verdict == "PASSED"
    loud = found.warnings[0]
    assert loud.startswith("THE TEST SET CHANGED IN THE SAME BRANCH AS THE MODEL")
    assert found.data is not None and found.data.known and found.data.test_changed
    added, removed, changed = found.data.test
    assert f"{added} test rows added, {removed} removed, {changed} changed" in loud
    before, after = found.data.splits["test"]
    assert after - before == added - removed and added > 0 and removed > 0
    assert "parameters, training rows" in loud
    assert found.shared is not None and found.shared.rows == before - removed - changed
    assert f"On the {found.shared.rows} test rows that both versions share" in loud


def test_a_test_set_that_changed_alone_is_warned_of_differently(story: Story) -> None:
    champion = story.project.store.run(story.gates["first"][0])
    again = replace(champion, id="a" * 32)
    change = DataChange("c" * 64, "d" * 64, known=True, added=2, test=(2, 0, 0))
    runs = ComparedRuns(again, None, champion)
    [alone] = changes.test_set_warnings(runs, DataFound(change), None)
    assert alone.startswith("The test set changed, and the model did not: 2 test rows added")
    [both] = changes.test_set_warnings(runs, DataFound(change, trained_changed=True), None)
    assert "IN THE SAME BRANCH" in both and "differs in training rows." in both


def test_softer_limits_than_the_champion_had_are_warned_of(story: Story) -> None:
    warnings = " ".join(story.report("other data").warnings)
    assert "margin 0.05 → 0.1" in warnings
    assert story.report("other data").margin == 0.1


def test_a_first_candidate_is_warned_to_be_compared_with_nothing(story: Story) -> None:
    found = story.report("first")
    assert found.champion is None and found.scores == () and found.verdict == "PASSED"
    assert any(text.startswith("There is no champion") for text in found.warnings)
    assert any("the champion is version 1 now" in text for text in found.warnings)


def test_the_champions_own_run_is_nothing_to_decide(story: Story) -> None:
    found = story.report("same", (*DONE, NOT_YET))
    assert found.unchanged and found.verdict == "PASSED" and not found.warnings
    assert len([line for line in to_markdown(found).splitlines() if line]) == 3
    run = story.project.store.run(story.gates["same"][0])
    assert collect(story.project, DONE, run, None, CHECKOUT).verdict == "PASSED"


@pytest.mark.parametrize(
    ("code", "verdict"), [(1, "FAILED"), (2, "COULD_NOT_EVALUATE"), (3, "INCONCLUSIVE"),
                          (4, "COULD_NOT_EVALUATE"), (130, "COULD_NOT_EVALUATE")],
)  # fmt: skip
def test_the_first_step_that_failed_decides(story: Story, code: int, verdict: str) -> None:
    found = story.report("same", ending("tests", code, "3 failed"))
    assert found.verdict == verdict
    assert found.reason == "Step 'tests' stopped the pipeline: 3 failed"


def test_a_step_that_was_not_reached_is_no_pass(story: Story) -> None:
    steps = (*DONE[:-1], replace(DONE[-1], exit_code=None))
    found = story.report("other data", steps)
    why = "Step 'gate' was not reached: run `fullturn ci`."
    assert (found.verdict, found.reason) == ("COULD_NOT_EVALUATE", why)


def test_a_candidate_without_a_gate_could_not_be_evaluated(story: Story) -> None:
    run = story.project.store.run(story.gates["worse"][0])
    found = collect(story.project, DONE, run, None, CHECKOUT)
    assert found.verdict == "COULD_NOT_EVALUATE" and "no gate" in found.reason
    assert found.champion is not None and found.champion.name == "version 1"
    assert found.params == {"fault": ("none", "ruins a slice")} and found.scores == ()


def test_the_state_of_git_is_warned_of(story: Story) -> None:
    dirty = replace(CHECKOUT, code=Code(COMMIT, True, "d" * 64), shallow=True)
    warnings = " ".join(story.report("same", DONE, dirty).warnings)
    assert "Uncommitted changes" in warnings and "shallow" in warnings
    none = replace(CHECKOUT, code=Code(None, False, None))
    assert "not in Git" in " ".join(story.report("same", DONE, none).warnings)


def test_data_of_another_table_is_reported_unknown(story: Story) -> None:
    run, gate = story.gates["worse"]
    record = story.project.store.run(run)
    moved = replace(record, tags={**record.tags, PREFIX + "data_digest": "e" * 64})
    found = collect(story.project, ending("gate", 1), moved, gate, CHECKOUT)
    assert found.data is not None and not found.data.known
    assert "not in this table" in to_markdown(found)


def test_waivers_are_warned_of_and_damaged_rows_too(project: Workspace) -> None:
    champion = train(project, {}).run.id
    version = gate.gate(project, champion).version
    assert version is not None
    promote.promote(project, str(version.version), "good")
    worse = train(project, {"fault": "ruins a slice"}).run
    reasons = {"EVAL03": "a trial", "EVAL04": "a trial"}
    gated = gate.gate(project, worse.id, waive=reasons)
    assert gated.report.outcome == "PASSED"
    project.store.put_text(gated.run, '{"subject": "half"', ROWS["champion"])
    found = collect(project, DONE, worse, gated.run, CHECKOUT)
    assert found.verdict == "PASSED" and found.scores == () and found.lost == 0
    warnings = "\n".join(found.warnings)
    assert "EVAL03 was waived: a trial" in warnings
    assert "the scored rows of the champion cannot be read" in warnings


def test_a_damaged_gate_report_and_list_of_packages_are_warned_of(project: Workspace) -> None:
    gate.gate(project, train(project, {}).run.id)
    promote.promote(project, "1", "good")
    other = train(project, {"smoothing": 0.9}).run
    gated = gate.gate(project, other.id)
    for run, name in ((gated.run, REPORTS[0]), (other.id, ENVIRONMENT)):
        project.store.get(run, name).write_bytes(b"\xff")
    warnings = "\n".join(collect(project, DONE, other, gated.run, CHECKOUT).warnings)
    assert "the gate report cannot be read: the gate report is damaged" in warnings
    assert f"the environment change cannot be read: '{ENVIRONMENT}' of run" in warnings


def test_an_older_gate_without_rows_still_makes_a_page(project: Workspace) -> None:
    run = train(project, {}).run
    gated = gate.gate(project, run.id)
    folder = project.store.get(gated.run, ROWS["candidate"])
    folder.unlink()
    found = collect(project, DONE, run, gated.run, CHECKOUT)
    assert found.verdict == "PASSED" and found.gate is not None and found.scores == ()


def test_nothing_trained_yet_leaves_the_steps(project: Workspace) -> None:
    found = collect(project, ending("train", 4, "no LLM answers"), None, None, CHECKOUT)
    assert found.verdict == "COULD_NOT_EVALUATE" and found.candidate is None
    assert found.reason.endswith("no LLM answers")
    assert [step.name for step in found.steps] == [step.name for step in DONE]


def test_without_the_tracking_server_the_steps_are_reported(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    for steps in (DONE, ending("train", 4)):
        found = collect(project, steps, None, None, CHECKOUT)
        assert found.verdict == "COULD_NOT_EVALUATE" and found.steps == tuple(steps[:6])
    assert "127.0.0.1" in collect(project, DONE, None, None, CHECKOUT).reason
    assert "Steps: 6.0 s" in to_markdown(collect(project, DONE, None, None, CHECKOUT))


def test_answers_of_an_app_that_writes_are_shown_as_users_read_them() -> None:
    def row(answer: str, score: float) -> ScoredRow:
        counts = {"prompt_tokens": 5, "completion_tokens": 4}
        output = {"label": "billing", "answer": answer, **counts}
        return ScoredRow("r1", "g1", {}, {"text": "what?"}, output, {"right": score}, 0.01)

    ours, theirs = (
        Evaluation("one", "toy", "test", (row(answer, score),), 1, 1.0)
        for answer, score in (("Billing!", 1.0), ("No idea.", 0.0))
    )
    compared = paired.Compared(ours, theirs, GateSettings())
    asked = Example("r1", {"text": "what?"}, {"label": "billing", "note": None}, "g1", "test")
    [found] = paired.flips(compared, Subject(Talker(), "talker"), [asked])
    assert found == Flip("r1", "what?", "No idea.", "Billing!", True, "billing")
    [plain] = paired.flips(compared, Subject(Toy(), "toy"), [])
    assert plain.candidate == "billing", "of an app that does not write, the label"
    assert paired.tokens(ours) == 9.0 and paired.milliseconds(ours) == pytest.approx(10.0)
    assert compared.scores() == ()  # one group has no interval
