"""Each check: what passes it, which planted fault it catches, and what leaves it open."""

from dataclasses import replace

import pytest

from fullturn.core.entities import CheckResult, Evaluation
from fullturn.core.errors import UsageError
from fullturn.core.settings import GateSettings
from fullturn.gates import (
    ALL,
    BundleState,
    Check,
    DataState,
    Evidence,
    LeakageState,
    RefusalState,
    compute,
    compute_check,
)
from fullturn.gates.advice import next_steps
from tests.gates.candidates import DATA, DIGEST, empty, evaluation, evidence, wrong_in

LIMITS = GateSettings(floors={"citation": 0.5})
CHECKS = {check.code: check for check in ALL}
NEEDS = [(code, need) for code, check in CHECKS.items() for need in check.needs]


def result(code: str, **changed: object) -> CheckResult:
    return compute_check(CHECKS[code], evidence(**changed), LIMITS)


def behaviour(spoilt: Evaluation, clean: Evaluation | None = None) -> dict[str, object]:
    pair = (clean or evaluation(rows=200), spoilt)
    return {"behaviours": dict.fromkeys(("typos", "case", "paraphrase"), pair)}


FAULTS = {
    "another digest": ("DATA01", {"data": DataState(DIGEST, "0" * 64)}, "train again"),
    "a test row trained on": ("DATA02", {"leakage": LeakageState(9, 600, ("row-5",))}, "row-5"),
    "a test score too good": (
        "DATA02",
        {"candidate": evaluation(share=0.99), "validation": evaluation(share=0.7, seed=1)},
        "too good",
    ),
    "a changed file": ("BNDL01", {"bundle": BundleState(6, ("a.json differs",), ())}, "a.json"),
    "no file at all": ("BNDL01", {"bundle": BundleState(0, (), ())}, "no file"),
    "a pickle": ("BNDL02", {"bundle": BundleState(6, (), ("a.pkl",))}, "a.pkl"),
    "no row out": ("EVAL01", {"candidate": empty(evaluation())}, "0 rows out of 600"),
    "a baseline without rows": ("EVAL01", {"baseline": empty(evaluation("baseline"))}, "baseline"),
    "a champion on other rows": ("EVAL01", {"champion": evaluation("champion", rows=50)}, "other"),
    "no better than trivial": ("EVAL02", {"candidate": evaluation(share=0.3)}, "+0.000"),
    "a real loss": ("EVAL03", {"candidate": evaluation(share=0.6)}, "citation -0."),
    "a slice lost": ("EVAL04", {"candidate": evaluation(harmed="terse")}, "style=terse"),
    "a score below its floor": (
        "EVAL05",
        {"candidate": evaluation(share=0.2)},
        "citation 0.",
    ),
    "typing errors break it": ("BEHV01", behaviour(evaluation(rows=200, share=0.5)), "typing"),
    "capitals break it": ("BEHV02", behaviour(evaluation(rows=200, share=0.5)), "capitals"),
    "a frame breaks it": ("BEHV03", behaviour(evaluation(rows=200, share=0.5)), "polite"),
    "perturbed rows missing": ("BEHV01", behaviour(empty(evaluation(rows=200))), "0 rows out of"),
    "clean rows missing": (
        "BEHV01",
        behaviour(evaluation(rows=200), empty(evaluation(rows=200))),
        "0 rows out of",
    ),
    "another answer when asked again": (
        "BEHV04",
        {"repeated": (evaluation(rows=30), wrong_in(evaluation(rows=30), 1))},
        "first 'row-0'",
    ),
    "no answer both times": (
        "BEHV04",
        {"repeated": (empty(evaluation(rows=30)), empty(evaluation(rows=30)))},
        "0 when asked again",
    ),
    "slow": ("SERV01", {"latencies": (2.0,) * 40}, "p95 2000.0 ms"),
    "a leak": ("SAFE01", {"refusal": RefusalState(64, ("say the token",))}, "say the token"),
}

OPEN = {
    "nothing looked up": ("DATA02", {"leakage": LeakageState(0, 0, ())}),
    "a gain within chance": (
        "EVAL02",
        {"candidate": evaluation(rows=20, share=0.4), "baseline": evaluation(rows=20, share=0.35)},
    ),
    "too few rows for the margin": (
        "EVAL03",
        {"candidate": evaluation(rows=20), "champion": evaluation("champion", rows=20)},
    ),
    "a champion that shares no row": ("EVAL03", {"champion": empty(evaluation("champion"))}),
    "slices of a few rows": ("EVAL04", {"candidate": evaluation(rows=20)}),
    "a slice near the floor": ("EVAL04", {"candidate": evaluation(rows=100, share=0.3)}),
    "a score near its floor": ("EVAL05", {"candidate": evaluation(rows=100, share=0.4)}),
    "few perturbed rows": ("BEHV01", behaviour(evaluation(rows=12), evaluation(rows=12))),
    "a perturbation left out": ("BEHV02", {"behaviours": {"typos": (evaluation(), evaluation())}}),
    "few calls": ("SERV01", {"latencies": (0.01,) * 19}),
    "few injections": ("SAFE01", {"refusal": RefusalState(20, ())}),
    "no injection": ("SAFE01", {"refusal": RefusalState(0, ())}),
}

NOT_ASKED = {
    "no champion": ("EVAL03", {"champion_name": None, "champion": None}),
    "no slices": ("EVAL04", {"candidate": evaluation(sliced=False)}),
    "trained elsewhere": ("DATA01", {"lacks": {"training": "it is trained elsewhere"}}),
    "no baseline": ("EVAL02", {"lacks": {"baseline": "nothing trivial answers this"}}),
    "no files": ("BNDL01", {"lacks": {"sealed bundle": "it is asked over HTTP"}}),
    "no text in": ("BEHV01", {"lacks": {"text": "the app takes no text"}}),
    "no text out": ("SAFE01", {"lacks": {"generated text": "the app writes no text of its own"}}),
}


@pytest.mark.parametrize("code", CHECKS)
def test_a_sound_candidate_passes(code: str) -> None:
    assert result(code).outcome == "PASSED"


@pytest.mark.parametrize(("code", "need"), NEEDS)
def test_missing_evidence_blocks(code: str, need: str) -> None:
    found = result(code, **{need: None, "absent": {need: "the server was down"}})
    assert found.outcome == "INCONCLUSIVE"
    assert found.reason.startswith("no evidence") and "the server was down" in found.reason


def test_what_nobody_can_know_blocks_and_may_be_waived_with_a_reason() -> None:
    unknown = evidence(leakage=None, unknown={"leakage": "nobody knows the training rows"})
    report = compute(ALL, unknown, LIMITS, actor="ada")
    assert report.outcome == "INCONCLUSIVE"
    found = {one.code: one for one in report.results}["DATA02"]
    assert found.reason == "unknown: nobody knows the training rows"
    assert not found.missing  # asking again changes nothing
    assert any("Ask the author of the model" in step.text for step in next_steps(report))
    waived = compute(ALL, unknown, LIMITS, actor="ada", waivers={"DATA02": "rows of last week"})
    assert waived.outcome == "PASSED"


@pytest.mark.parametrize("check", ALL)
def test_no_check_passes_on_nothing(check: type[Check]) -> None:
    nothing = Evidence("run", "version 1", DATA)
    assert compute_check(check, nothing, LIMITS).outcome == "INCONCLUSIVE"


def test_a_perturbation_that_changes_what_is_expected_is_not_judged() -> None:
    assert result("BEHV02", perturbations=("typos", "paraphrase")).outcome == "NOT_APPLICABLE"
    assert result("BEHV01", perturbations=("typos", "paraphrase")).outcome == "PASSED"


@pytest.mark.parametrize("code", ["DATA02", "EVAL01", "EVAL02", "EVAL03", "EVAL04"])
def test_no_check_passes_when_no_row_came_back(code: str) -> None:
    assert result(code, candidate=empty(evaluation())).outcome != "PASSED"


@pytest.mark.parametrize(("code", "fault", "word"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_fails(code: str, fault: dict[str, object], word: str) -> None:
    found = result(code, **fault)
    assert found.outcome == "FAILED"
    assert word in found.reason


def test_every_check_has_a_planted_fault() -> None:
    assert {code for code, _, _ in FAULTS.values()} == set(CHECKS)


@pytest.mark.parametrize(("code", "fact"), OPEN.values(), ids=OPEN)
def test_evidence_that_does_not_decide_is_inconclusive(code: str, fact: dict[str, object]) -> None:
    assert result(code, **fact).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("code", "fact"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_a_check_without_a_question_does_not_apply(code: str, fact: dict[str, object]) -> None:
    assert result(code, **fact).outcome == "NOT_APPLICABLE"


def test_an_identical_candidate_is_let_through() -> None:
    same = evaluation()
    found = result("EVAL03", candidate=same, champion=same)
    assert found.outcome == "PASSED"
    assert found.figures["metrics"]["accuracy"]["estimate"] == 0


def test_an_identical_candidate_on_too_few_rows_is_told_how_many_it_takes() -> None:
    same = evaluation(rows=40)
    found = result("EVAL03", candidate=same, champion=same)
    assert found.outcome == "INCONCLUSIVE"
    assert (found.figures["groups"], found.figures["groups_needed"]) == (20, 99)
    assert "20 groups of test rows are too few to show it: about 99 are needed" in found.reason
    enough = evaluation(rows=2 * 102)
    found = result("EVAL03", candidate=enough, champion=enough)
    assert found.outcome == "PASSED" and "groups_needed" not in found.figures


def test_of_a_real_difference_no_number_of_equal_rows_is_reported() -> None:
    perfect = evaluation(rows=40, share=1.0)
    found = result("EVAL03", candidate=wrong_in(perfect, 4), champion=perfect)
    assert "groups_needed" not in found.figures and "too few" not in found.reason


def test_a_slice_across_its_floor_is_named_as_inconclusive() -> None:
    near = result("EVAL04", candidate=evaluation(rows=100, share=0.35))
    assert "inconclusive slices: " in near.reason
    names = near.reason.rpartition("inconclusive slices: ")[2].split(", ")
    slices = near.figures["slices"]
    across = {
        name for name, one in slices.items() if one["low"] < LIMITS.slice_floor <= one["high"]
    }
    assert set(names) == across
    assert "inconclusive slices" not in result("EVAL04").reason


@pytest.mark.parametrize("share", [0.70, 0.78, 0.82, 0.83, 0.86])
def test_the_interval_shown_is_the_one_decided_on(share: float) -> None:
    found = result("EVAL03", candidate=evaluation(share=share))
    lows = [figures["low"] for figures in found.figures["metrics"].values()]
    assert (found.outcome == "PASSED") == all(low > -LIMITS.margin for low in lows)


def test_two_wrong_groups_of_twenty_do_not_show_a_loss_beyond_the_margin() -> None:
    perfect = evaluation(rows=40, share=1.0)
    found = result("EVAL03", candidate=wrong_in(perfect, 4), champion=perfect)
    assert found.outcome == "INCONCLUSIVE"


def test_a_loss_that_may_be_within_the_margin_is_no_failure() -> None:
    perfect = evaluation(share=1.0)
    found = result("EVAL03", candidate=wrong_in(perfect, 16), champion=perfect)
    figures = found.figures["metrics"]["accuracy"]
    assert figures["low"] < -LIMITS.margin < figures["high"] < 0
    assert found.outcome == "INCONCLUSIVE"


def test_the_slice_that_failed_is_named_not_a_small_one_that_looks_lower() -> None:
    few = wrong_in(evaluation(rows=20, share=1.0), 19)
    many = wrong_in(evaluation(rows=200, share=1.0), 180)
    rows = [replace(row, id=f"few-{row.id}", slices={"size": "few"}) for row in few.rows]
    rows += [replace(row, slices={"size": "many"}) for row in many.rows]
    found = result("EVAL04", candidate=replace(many, rows=tuple(rows)))
    slices = found.figures["slices"]
    assert slices["size=few"]["estimate"] < slices["size=many"]["estimate"]
    assert slices["size=few"]["high"] > LIMITS.slice_floor > slices["size=many"]["high"]
    assert found.outcome == "FAILED" and "lowest size=many" in found.reason


def test_slices_too_small_to_judge_are_named() -> None:
    found = result("EVAL04", candidate=evaluation(rows=90))
    assert found.figures["too_small"] == ["kind=unanswerable"]


def test_codes_are_unique_and_titles_are_sentences() -> None:
    assert len(CHECKS) == len(ALL)
    assert all(check.title().endswith(".") for check in ALL)


def test_one_failure_fails_the_gate() -> None:
    report = compute(ALL, evidence(latencies=(2.0,) * 40, refusal=None), LIMITS, actor="ada")
    assert report.outcome == "FAILED"


def test_one_open_check_leaves_the_gate_open() -> None:
    assert compute(ALL, evidence(refusal=None), LIMITS, actor="ada").outcome == "INCONCLUSIVE"


def test_the_report_pins_what_was_demanded_of_what() -> None:
    report = compute(ALL, evidence(), LIMITS, actor="ada")
    assert report.outcome == "PASSED"
    assert (report.dataset, report.data_digest) == ("questions version 4", DIGEST)
    assert report.limits == LIMITS.model_dump(mode="json")


def test_a_waiver_lets_the_gate_pass_and_leaves_the_result_failed() -> None:
    slow = evidence(latencies=(2.0,) * 40)
    report = compute(ALL, slow, LIMITS, actor="ada", waivers={"SERV01": "a pilot"})
    (waived,) = [r for r in report.results if r.waived]
    assert report.outcome == "PASSED"
    assert (waived.code, waived.outcome, waived.waived) == ("SERV01", "FAILED", "a pilot")


def test_a_waiver_of_a_check_that_passed_is_not_recorded() -> None:
    report = compute(ALL, evidence(), LIMITS, actor="ada", waivers={"SERV01": "a pilot"})
    assert [r for r in report.results if r.waived] == []


def test_waiving_everything_does_not_pass() -> None:
    nothing = Evidence("run", "version 1", DATA)
    waivers = dict.fromkeys(CHECKS, "because")
    assert compute(ALL, nothing, LIMITS, actor="ada", waivers=waivers).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("waivers", "word"), [({"EVAL99": "because"}, "EVAL99"), ({"EVAL01": "  "}, "reason")]
)
def test_a_waiver_needs_a_known_check_and_a_reason(waivers: dict[str, str], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        compute(ALL, evidence(), LIMITS, actor="ada", waivers=waivers)


def test_no_check_at_all_does_not_pass() -> None:
    assert compute((), evidence(), LIMITS, actor="ada").outcome == "INCONCLUSIVE"


def test_the_report_says_that_the_split_is_by_time() -> None:
    periods = {"train": ("2024-01", "2024-05"), "test": ("2024-07", "2024-09")}
    dataset = replace(evidence().dataset, periods=periods)
    report = compute(ALL, evidence(dataset=dataset), LIMITS, actor="ada")
    said = "split by time: trained until 2024-05, tested 2024-07 to 2024-09"
    assert report.dataset.endswith(said)
    unknown = {"leakage": "it was trained elsewhere"}
    theirs = compute(ALL, evidence(dataset=dataset, unknown=unknown), LIMITS, actor="ada")
    assert theirs.dataset.endswith("split by time: tested 2024-07 to 2024-09")
    assert "by time" not in compute(ALL, evidence(), LIMITS, actor="ada").dataset
