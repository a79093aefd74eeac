"""`[gates] primary`: a metric over the set, or in a raw unit, comes first in every check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fullturn.core.entities import CheckResult, Evaluation
from fullturn.core.settings import GateSettings, parse
from fullturn.gates import ALL, compute, compute_check
from fullturn.metrics import find
from tests.gates.candidates import evidence
from tests.gates.test_metrics import classifier, gathered, regression

CHECKS = {check.code: check for check in ALL}


def judged(code: str, primary: str, candidate: Evaluation, **changed: object) -> CheckResult:
    given = evidence(candidate=candidate, metrics=(find(primary),), primary=primary, **changed)
    return compute_check(CHECKS[code], given, GateSettings(margins={"mae": 2.0}))


def test_the_candidate_must_beat_the_baseline_in_the_primary_metric() -> None:
    found = judged("EVAL02", "mae", regression(), baseline=regression("baseline", 60.0, 3))
    assert found.outcome == "PASSED" and found.figures["metric"] == "mae"
    assert found.reason.startswith("mae lower by ") and found.figures["unit"] == "label's unit"
    worse = judged("EVAL02", "mae", regression(error=30.0), baseline=regression("b", 10.0, 3))
    assert worse.outcome == "FAILED" and worse.figures["estimate"] < 0
    assert worse.reason.startswith("mae higher by ") and "-" not in worse.reason.split("]")[0]


def test_it_is_the_first_of_the_metrics_that_are_compared_with_the_champion() -> None:
    found = judged("EVAL03", "roc_auc", classifier(), champion=classifier("champion"))
    assert list(found.figures["metrics"]) == ["roc_auc", "right"]


@pytest.mark.parametrize(
    ("primary", "candidate", "score"),
    [("roc_auc", classifier(), "right"), ("mae", regression(), "close")],
)
def test_slices_are_judged_by_the_score_of_a_row(
    primary: str, candidate: Evaluation, score: str
) -> None:
    """A slice may have one label only, and its floor is a share."""
    rows = [
        replace(row, slices={"label": str(row.expected.get("answer", n % 2))})
        for n, row in enumerate(candidate.rows)
    ]
    found = judged("EVAL04", primary, gathered("candidate", rows))
    assert found.outcome == "PASSED" and found.figures["metric"] == score
    assert len(found.figures["slices"]) == 2


def test_without_such_a_score_slices_that_have_no_value_are_named() -> None:
    rows = [
        replace(row, scores={}, slices={"part": "no" if row.expected["answer"] == "no" else "yes"})
        if n % 10 == 0
        else replace(row, scores={}, slices={"part": "both"})
        for n, row in enumerate(classifier().rows)
    ]
    found = judged("EVAL04", "roc_auc", gathered("candidate", rows))
    assert found.outcome == "PASSED" and list(found.figures["slices"]) == ["part=both"]
    assert found.figures["too_small"] == ["part=no", "part=yes"]


@pytest.mark.parametrize("code", [check.code for check in ALL])
def test_a_project_that_names_none_is_judged_as_before(code: str) -> None:
    given = evidence(candidate=classifier(), champion=classifier("champion", 0.1))
    named = replace(given, primary="right", metrics=(find("roc_auc"),))
    plain = replace(given, metrics=(find("roc_auc"),))
    limits = GateSettings()
    assert compute_check(CHECKS[code], named, limits) == compute_check(CHECKS[code], plain, limits)


def test_the_primary_metric_is_judged_without_being_named_twice() -> None:
    settings = parse(
        {"name": "p", "gates": {"primary": "mae", "metrics": ["r2", "mae"]}}, "fullturn.toml"
    )
    assert settings.gates.named_metrics == ("mae", "r2")
    assert parse({"name": "p"}, "fullturn.toml").gates.named_metrics == ()


def test_the_usual_metrics_decide_nothing_unless_they_are_named() -> None:
    given = evidence(candidate=classifier(blur=0.9), champion=classifier("champion"))
    found = compute(ALL, given, GateSettings(), actor="ada")
    roc_auc = next(one for one in found.summary["metrics"] if one["name"] == "roc_auc")
    assert roc_auc["candidate"][2] < roc_auc["champion"][1]
    compared = next(one for one in found.results if one.code == "EVAL03")
    assert list(compared.figures["metrics"]) == ["right"] and compared.outcome == "PASSED"
