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
    assert found.reason.startswith("mae +") and found.figures["unit"] == "label's unit"
    worse = judged("EVAL02", "mae", regression(error=30.0), baseline=regression("b", 10.0, 3))
    assert worse.outcome == "FAILED"


def test_it_is_the_first_of_the_metrics_that_are_compared_with_the_champion() -> None:
    found = judged("EVAL03", "roc_auc", classifier(), champion=classifier("champion"))
    assert list(found.figures["metrics"]) == ["roc_auc", "right"]


def test_slices_without_a_value_of_it_are_named_and_the_others_judged() -> None:
    rows = [
        replace(row, slices={"half": "one label only" if row.expected["answer"] == "no" else "b"})
        if n % 10 == 0
        else row
        for n, row in enumerate(classifier().rows)
    ]
    found = judged("EVAL04", "roc_auc", gathered("candidate", rows))
    assert found.outcome == "PASSED"
    assert "half=one label only" in found.figures["too_small"]
    assert set(found.figures["slices"]) == {"half=0", "half=1"}
    alone = [replace(row, slices={"x": str(row.expected["answer"])}) for row in rows]
    none = judged("EVAL04", "roc_auc", gathered("candidate", alone))
    assert none.outcome == "INCONCLUSIVE" and "nothing to rank them by" in none.reason


def test_slices_have_no_floor_in_another_unit() -> None:
    assert judged("EVAL04", "mae", regression()).outcome == "NOT_APPLICABLE"


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
