"""A gate with metrics over the set and in raw units: planted faults, equal candidates, gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fullturn.core.entities import CheckResult, Evaluation, ScoredRow
from fullturn.core.settings import GateSettings
from fullturn.gates import ALL, compute, compute_check
from fullturn.gates.plots import panels
from fullturn.gates.report import from_json, to_html, to_json, to_markdown
from fullturn.metrics import SetMetric, find
from fullturn.metrics.metric import Rows
from tests.gates.candidates import empty, evidence

CHECKS = {check.code: check for check in ALL}
ROWS = 1500
CLASSES = ("f1", "recall(yes)", "roc_auc", "log_loss")
MARGINS = {"log_loss": 0.1}


def gathered(subject: str, rows: Sequence[ScoredRow]) -> Evaluation:
    return Evaluation(subject, "questions", "test", tuple(rows), len(rows), 1.0)


@cache
def classifier(subject: str = "candidate", blur: float = 0.0, missed: float = 0.0) -> Evaluation:
    """Answers yes or no; `blur` spoils the order within each answer, `missed` loses a yes."""
    rng = np.random.default_rng(1)
    truth = rng.random(ROWS) < 0.4
    sure = np.clip(0.5 + (truth - 0.5) * 0.5 + 0.17 * rng.normal(size=ROWS), 0.01, 0.99)
    missing, other = rng.random(ROWS) < missed, rng.random(ROWS)
    sure = np.where(truth & missing & (sure > 0.5), 1 - sure, sure)
    spoilt = np.where(sure > 0.5, 0.5 + other / 2.01, other / 2.01)
    sure = np.where(rng.random(ROWS) < blur, spoilt, sure)
    cells = zip(truth.tolist(), sure.tolist(), strict=True)
    return gathered(subject, [_answered(n, wanted, one) for n, (wanted, one) in enumerate(cells)])


def _answered(number: int, wanted: bool, sure: float) -> ScoredRow:
    label, expected = "yes" if sure > 0.5 else "no", "yes" if wanted else "no"
    return ScoredRow(
        id=f"row-{number}",
        group=f"question-{number // 2}",
        slices={"half": str(number % 2)},
        input={},
        output={"label": label, "probabilities": {"yes": sure, "no": 1 - sure}},
        scores={"right": float(label == expected)},
        latency=0.01,
        expected={"answer": expected},
    )


@cache
def regression(
    subject: str = "candidate", error: float = 10.0, seed: int = 2, scored: bool = True
) -> Evaluation:
    """Prices around 200 with errors of this size; a price within 50 is right."""
    truth = 200 + 80 * np.random.default_rng(2).normal(size=ROWS)
    found = truth + error * np.random.default_rng(seed).normal(size=ROWS)
    cells = zip(truth.tolist(), found.tolist(), strict=True)
    return gathered(subject, [_priced(n, *one, scored) for n, one in enumerate(cells)])


def _priced(number: int, expected: float, value: float, scored: bool) -> ScoredRow:
    return ScoredRow(
        id=f"row-{number}",
        group=f"house-{number}",
        slices={"half": str(number % 2)},
        input={},
        output={"value": value},
        scores={"close": float(abs(value - expected) < 50)} if scored else {},
        latency=0.01,
        expected={"price": expected},
    )


def judged(
    code: str,
    candidate: Evaluation,
    champion: Evaluation | None = None,
    names: Sequence[str] = CLASSES,
    **limits: object,
) -> CheckResult:
    margins = {name: margin for name, margin in MARGINS.items() if name in names}
    settings = GateSettings.model_validate({"margins": margins, **limits})
    found = evidence(
        candidate=candidate,
        champion=champion,
        metrics=tuple(map(find, names)),
    )
    return compute_check(CHECKS[code], found, settings)


def test_an_equal_candidate_is_let_through() -> None:
    found = judged("EVAL03", classifier(), classifier("champion"))
    assert found.outcome == "PASSED", found.reason
    assert list(found.figures["metrics"]) == ["right", *CLASSES]
    assert {one["estimate"] for one in found.figures["metrics"].values()} == {0.0}


def test_a_worse_order_at_the_same_accuracy_is_caught_by_roc_auc_alone() -> None:
    blurred, before = classifier(blur=0.9), classifier("champion")
    assert judged("EVAL03", blurred, before, (), margin=0.02).outcome == "PASSED"
    found = judged("EVAL03", blurred, before, ("f1", "roc_auc"), margin=0.02)
    assert found.outcome == "FAILED"
    assert found.reason.startswith("roc_auc -0.")
    metrics = found.figures["metrics"]
    assert metrics["right"]["estimate"] == metrics["f1"]["estimate"] == 0.0


def test_a_label_that_is_missed_more_often_is_caught_by_its_recall() -> None:
    forgetful, before = classifier(missed=0.2), classifier("champion")
    found = judged("EVAL03", forgetful, before, ("recall(yes)",), margin=0.08)
    assert found.outcome == "FAILED" and found.reason.startswith("recall(yes) -0.")
    assert judged("EVAL03", forgetful, before, (), margin=0.12).outcome == "PASSED"


def test_rmse_is_judged_in_raw_units() -> None:
    before, names = regression("champion"), ("rmse", "mae")
    margins = {"rmse": 1.0, "mae": 1.0}
    same = judged("EVAL03", regression(), before, names, margins=margins)
    assert same.outcome == "PASSED", same.reason
    worse = judged("EVAL03", regression(error=13.0), before, names, margins=margins)
    assert worse.outcome == "FAILED"
    assert worse.reason.startswith("rmse -3.")
    figures = worse.figures["metrics"]["rmse"]
    assert (figures["unit"], figures["margin"]) == ("label's unit", 1.0)
    assert figures["candidate"] - figures["reference"] == pytest.approx(-figures["estimate"])
    assert judged("EVAL03", regression(error=13.0), before, ()).outcome == "PASSED"
    better = judged("EVAL03", regression(error=8.0), before, names, margins=margins)
    assert better.outcome == "PASSED"


def test_a_metric_in_raw_units_without_a_margin_blocks_and_says_what_to_set() -> None:
    found = judged("EVAL03", regression(), regression("champion"), ("rmse",))
    assert found.outcome == "INCONCLUSIVE" and found.missing == ("rmse",)
    assert "rmse: +0 [" in found.reason
    assert 'set [gates] margins = { "rmse" = … }, in label\'s unit' in found.reason


def test_a_metric_may_have_a_margin_of_its_own() -> None:
    class Cost(SetMetric):
        name, direction, unit, margin = "cost", "lower", "euros", 5.0

        def estimate(self, rows: Rows) -> float:
            return float(np.mean([abs(r.output["value"] - r.expected["price"]) for r in rows]))

    few = regression().rows[:300]
    same = replace(regression(), rows=few, expected_rows=300)
    found = evidence(candidate=same, champion=same, metrics=(Cost(),))
    result = compute_check(CHECKS["EVAL03"], found, GateSettings(margin=0.2))
    assert result.outcome == "PASSED", result.reason
    assert result.figures["metrics"]["cost"]["margin"] == 5.0


def test_a_margin_of_a_metric_that_is_not_judged_blocks() -> None:
    found = judged("EVAL03", classifier(), classifier("champion"), (), margins={"rihgt": 0.1})
    assert found.outcome == "INCONCLUSIVE"
    assert "rihgt: [gates] margins names it, but it is not judged; did you mean 'right'?" in (
        found.reason
    )


def test_a_score_may_have_a_margin_of_its_own() -> None:
    lost = classifier(missed=0.2)
    for margin, outcome in ((0.02, "FAILED"), (0.12, "PASSED")):
        found = judged("EVAL03", lost, classifier("champion"), (), margins={"right": margin})
        assert found.outcome == outcome
        assert found.figures["metrics"]["right"]["margin"] == margin


def test_rows_of_version_0_1_are_missing_evidence() -> None:
    """They were stored without their expected labels."""
    old = classifier("champion")
    stored = replace(old, rows=tuple(replace(row, expected={}) for row in old.rows))
    found = judged("EVAL03", classifier(), stored, ("f1",))
    assert found.outcome == "INCONCLUSIVE" and found.missing == ("f1",)
    assert "f1: row 'row-0' is stored without its expected label" in found.reason
    assert "evaluate again" in found.reason
    assert found.figures["metrics"]["right"]["estimate"] == 0.0


def test_a_loss_is_a_loss_although_another_metric_cannot_be_computed() -> None:
    found = judged("EVAL03", classifier(missed=0.5), classifier("champion"), ("rmse",))
    assert found.outcome == "FAILED" and found.reason.startswith("right -0.")


@pytest.mark.parametrize(
    ("floor", "outcome", "words"),
    [
        (12.0, "PASSED", "ceiling 12"),
        (8.0, "FAILED", "rmse 10."),
        (10.2, "INCONCLUSIVE", "ceiling 10.2"),
        (-1.0, "INCONCLUSIVE", "not between 0 and inf"),
    ],
)
def test_a_floor_of_a_metric_where_lower_is_better_is_a_ceiling(
    floor: float, outcome: str, words: str
) -> None:
    found = judged("EVAL05", regression(), names=("rmse",), floors={"rmse": floor})
    assert found.outcome == outcome, found.reason
    assert words in found.reason


@pytest.mark.parametrize(("floor", "outcome"), [(0.7, "PASSED"), (0.97, "FAILED")])
def test_metrics_over_the_set_have_floors_too(floor: float, outcome: str) -> None:
    found = judged("EVAL05", classifier(blur=0.3), floors={"f1": floor, "roc_auc": 0.5})
    assert found.outcome == outcome, found.reason


def test_a_floor_that_cannot_be_looked_at_blocks() -> None:
    found = judged("EVAL05", classifier(), names=("rmse",), floors={"rmse": 5.0, "f2": 0.5})
    assert found.outcome == "INCONCLUSIVE" and set(found.missing) == {"rmse", "f2"}
    assert "rmse cannot be computed" in found.reason and "no metric 'f2'" in found.reason
    lost = judged("EVAL05", classifier(), floors={"right": 0.99, "f2": 0.5})
    assert lost.outcome == "FAILED"
    nothing = judged("EVAL05", empty(classifier()), floors={"f1": 0.5})
    assert nothing.outcome == "INCONCLUSIVE"


def raw(**changed: object) -> Callable[[str], CheckResult]:
    """Checks of an app that gives no score: RMSE decides."""
    alone = regression(scored=False)
    sound = {
        "candidate": alone,
        "champion": replace(alone, subject="champion"),
        "validation": regression("validation", seed=3, scored=False),
        "baseline": regression("baseline", error=80.0, seed=4, scored=False),
        "behaviours": dict.fromkeys(("typos", "case", "paraphrase"), (alone, alone)),
        "metrics": (find("rmse"),),
    }
    found = evidence(**{**sound, **changed})
    limits = GateSettings(margins={"rmse": 1.0})
    return lambda code: compute_check(CHECKS[code], found, limits)


@pytest.mark.parametrize("code", ["DATA02", "EVAL02", "EVAL03", "BEHV01"])
def test_every_check_of_quality_can_judge_by_rmse_alone(code: str) -> None:
    found = raw()(code)
    assert found.outcome == "PASSED", found.reason
    assert "rmse" in found.reason or code == "DATA02"


def test_faults_are_caught_by_rmse_alone() -> None:
    spoilt = regression(error=60.0, seed=5, scored=False)
    assert raw(candidate=spoilt)("EVAL03").outcome == "FAILED"
    assert raw(baseline=regression(error=9.0, scored=False))("EVAL02").outcome == "FAILED"
    late = regression("validation", error=40.0, scored=False)
    assert raw(validation=late)("DATA02").outcome == "FAILED"
    alone = regression(scored=False)
    assert raw(behaviours={"typos": (alone, spoilt)})("BEHV01").outcome == "FAILED"


def test_slices_have_a_floor_in_score_points_only() -> None:
    found = raw()("EVAL04")
    assert found.outcome == "NOT_APPLICABLE" and "label's unit" in found.reason


def test_an_app_without_scores_and_without_metrics_is_not_passed() -> None:
    for code in ("DATA02", "EVAL02", "EVAL03"):
        found = raw(metrics=())(code)
        assert found.outcome == "INCONCLUSIVE"
        assert "name a metric in [gates] metrics" in found.reason


def report_of(names: Sequence[str], margins: Mapping[str, float]) -> tuple[str, str, list[str]]:
    found = evidence(
        candidate=regression(error=13.0),
        champion=regression("champion"),
        metrics=tuple(map(find, names)),
    )
    limits = GateSettings.model_validate({"margins": margins, "metrics": tuple(names)})
    report = compute(ALL, found, limits, actor="ada")
    assert from_json(to_json(report)) == report
    return to_markdown(report), to_html(report), [panel.title for panel in panels(report)]


def test_each_unit_and_margin_is_drawn_on_a_scale_of_its_own() -> None:
    markdown, page, titles = report_of(("rmse", "r2"), {"rmse": 1.0})
    ours = [title for title in titles if title.startswith("Against the champion")]
    assert ours == ["Against the champion, version 7", "Against the champion, version 7: rmse"]
    assert "| rmse | -3.0" in markdown or "rmse | -2.9" in markdown
    assert "margin −1," in page and "In label&#39;s unit; positive means better" in page


def test_a_scale_of_thousands_has_few_ticks() -> None:
    large = {
        subject: gathered(
            subject,
            [
                replace(
                    row,
                    output={"value": 1000 * row.output["value"]},
                    expected={"price": 1000 * row.expected["price"]},
                )
                for row in regression(subject, error=error).rows
            ],
        )
        for subject, error in (("candidate", 13.0), ("champion", 10.0))
    }
    found = evidence(metrics=(find("rmse"),), **large)
    report = compute(ALL, found, GateSettings(margins={"rmse": 500.0}), actor="ada")
    (panel,) = [one for one in panels(report) if one.title.endswith("rmse")]
    assert 2 <= len(panel.ticks) <= 8
    assert panel.shown(-3012.4) == "-3,012"


def test_one_of_several_floors_fails_a_gate_only_beyond_what_all_together_allow() -> None:
    """Between the bound of one test at alpha and that of all floors, nothing is decided."""
    whole = classifier(blur=0.3)
    alone = judged("EVAL05", whole, floors={"roc_auc": 0.999}).figures["scores"]["roc_auc"]
    floor = alone["high"] + 0.0005
    one = judged("EVAL05", whole, floors={"roc_auc": floor})
    assert one.outcome == "FAILED" and one.figures["scores"]["roc_auc"]["confidence"] == 0.9
    others = dict.fromkeys(("f1", "right", "recall(yes)"), 0.1)
    several = judged("EVAL05", whole, floors={"roc_auc": floor, **others})
    assert several.outcome == "INCONCLUSIVE", several.reason
    shown = several.figures["scores"]["roc_auc"]
    assert shown["confidence"] == pytest.approx(0.975) and shown["high"] > floor
    assert several.figures["scores"]["f1"]["confidence"] == 0.9


def test_a_model_against_itself_passes_however_few_rows_there_are() -> None:
    mine = gathered("candidate", classifier().rows[:40])
    apart = against(mine, mine, identical=False)
    assert apart.outcome == "INCONCLUSIVE" and "are too few" in apart.reason
    same = against(mine, mine, identical=True)
    assert same.outcome == "PASSED" and "the difference is exactly 0" in same.reason
    shown = same.figures["metrics"]["roc_auc"]
    assert (shown["low"], shown["high"], shown["p_worse"]) == (0.0, 0.0, 1.0)
    unlike = replace(mine.rows[0], output={**mine.rows[0].output, "note": "another answer"})
    other = replace(mine, rows=(unlike, *mine.rows[1:]))
    assert against(mine, other, identical=True).outcome == "INCONCLUSIVE"


def against(candidate: Evaluation, champion: Evaluation, *, identical: bool) -> CheckResult:
    found = evidence(
        candidate=candidate,
        champion=replace(champion, subject="champion"),
        metrics=(find("roc_auc"),),
        identical=identical,
    )
    return compute_check(CHECKS["EVAL03"], found, GateSettings())
