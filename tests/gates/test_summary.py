"""What a gate report shows besides its checks: metrics in their unit, and where it errs."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import metrics as oracle

from fullturn.core.entities import Evaluation, GateReport, ScoredRow
from fullturn.core.settings import GateSettings
from fullturn.gates import ALL, compute
from fullturn.gates.report import from_json, to_html, to_json, to_markdown
from fullturn.gates.summary import calibration, confusion, residuals, summary
from fullturn.metrics.by_task import usual_metrics
from tests.gates.candidates import evidence
from tests.gates.test_metrics import classifier, gathered, regression
from tests.metrics.rows import labelled, valued

LIMITS = GateSettings()


def intents(labels: int, rows: int = 600) -> Evaluation:
    """Every third row of label n is taken for the next one."""
    expected = [f"intent {n % labels:02d}" for n in range(rows)]
    wrong = [n % 3 == 0 and n % labels in (4, 5) for n in range(rows)]
    predicted = [
        f"intent {(n + spoilt) % labels:02d}" for n, spoilt in zip(range(rows), wrong, strict=True)
    ]
    answered = labelled(expected, predicted)
    scored = [
        replace(
            row,
            group=str(n // 2),
            output={**row.output, "confidence": 0.9},
            scores={"accuracy": float(not spoilt)},
        )
        for n, (row, spoilt) in enumerate(zip(answered, wrong, strict=True))
    ]
    return gathered("candidate", scored)


def report(candidate: Evaluation, **changed: object) -> GateReport:
    given = evidence(candidate=candidate, behaviours={}, **changed)
    return compute(ALL, given, LIMITS, actor="ada")


def cells(html: str, kind: str) -> list[str]:
    """Texts of the cells of tables of this class."""
    found, inside, depth = list[str](), False, 0

    class Tables(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            nonlocal inside, depth
            if tag == "table":
                inside = kind in (dict(attrs).get("class") or "").split()
            depth = depth + 1 if inside and tag in ("td", "th") else depth
            if inside and tag in ("td", "th"):
                found.append("")

        def handle_endtag(self, tag: str) -> None:
            nonlocal inside, depth
            inside = inside and tag != "table"
            depth = depth - 1 if tag in ("td", "th") and depth else depth

        def handle_data(self, data: str) -> None:
            if depth:
                found[-1] += data

    Tables().feed(html)
    return found


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (
            classifier().rows,
            [
                "accuracy",
                "balanced_accuracy",
                "roc_auc",
                "average_precision",
                "log_loss",
                "calibration_error",
            ],
        ),
        (intents(77).rows, ["accuracy", "balanced_accuracy", "f1", "calibration_error"]),
        (regression().rows, ["mae", "rmse", "r2"]),
        (evidence().candidate.rows, []),  # type: ignore[union-attr]
    ],
    ids=["two labels", "77 labels without probabilities", "numbers", "texts"],
)
def test_the_usual_metrics_are_those_of_the_task(
    rows: tuple[ScoredRow, ...], names: list[str]
) -> None:
    assert [metric.name for metric in usual_metrics(rows)] == names


def test_metrics_of_all_sides_are_shown_in_their_unit_and_not_judged() -> None:
    candidate, champion = regression(), regression("champion", 12.0, 5)
    shown = report(candidate, champion=champion, baseline=regression("baseline", 80.0, 3))
    mae = shown.summary["metrics"][0]
    assert (mae["name"], mae["unit"], mae["judged"]) == ("mae", "label's unit", False)
    assert mae["candidate"][0] == pytest.approx(
        np.mean([abs(r.output["value"] - r.expected["price"]) for r in candidate.rows])
    )
    assert mae["candidate"][1] < mae["candidate"][0] < mae["candidate"][2] < mae["champion"][0]
    decided = next(one for one in shown.results if one.code == "EVAL03")
    assert "mae" not in decided.figures["metrics"]
    text = f"{mae['candidate'][0]:.4g} ["
    assert any(cell.startswith(text) for cell in cells(to_html(shown), "plain"))
    assert f"| {text}" in to_markdown(shown)


def test_a_report_with_a_summary_round_trips_and_one_without_still_opens() -> None:
    shown = report(classifier())
    assert shown.summary["confusion"] and from_json(to_json(shown)) == shown
    bare = replace(shown, summary={})
    assert "Confusion" not in to_html(bare)


def test_the_confusion_matrix_is_scikit_learn_s() -> None:
    rows = classifier(missed=0.3).rows
    found = confusion(rows)["matrix"]
    expected, predicted = ([r.expected["answer"] for r in rows], [r.output["label"] for r in rows])
    wanted = oracle.confusion_matrix(expected, predicted, labels=found["labels"])
    assert found["counts"] == wanted.tolist()
    shown = cells(to_html(report(classifier(missed=0.3))), "matrix")
    assert shown == [
        "expected ↓ predicted →",
        *found["labels"],
        *(
            text
            for label, row in zip(found["labels"], wanted.tolist(), strict=True)
            for text in (label, *map(str, row))
        ),
    ]


def test_of_many_labels_the_most_confused_pairs_are_shown() -> None:
    found = confusion(intents(77).rows)
    assert "matrix" not in found and found["labels"] == 77
    assert [pair[:2] for pair in found["pairs"]] == [
        ["intent 04", "intent 05"],
        ["intent 05", "intent 06"],
    ]
    assert {one[0] for one in found["lowest_recall"][:2]} == {"intent 04", "intent 05"}
    page, text = to_html(report(intents(77))), to_markdown(report(intents(77)))
    assert "intent 04" in page and "matrix" not in page.partition("<body>")[2].split("class=")[1:]
    assert "| intent 04 | intent 05 |" in text and "intent 50" not in text


def test_calibration_has_the_bins_that_have_rows() -> None:
    rows = labelled(["a", "b", "a"], ["a", "a", "a"])
    for row, sure in zip(rows, (0.55, 0.6, 1.0), strict=True):
        row.output["confidence"] = sure  # type: ignore[index]
    found = calibration(rows)["bins"]
    assert [(one["low"], one["rows"], one["right"]) for one in found] == [
        (0.5, 2, 0.5),
        (0.9, 1, 1.0),
    ]
    assert found[0]["confidence"] == pytest.approx(0.575)
    page = to_html(report(classifier()))
    assert "Share of right answers over confidence" in page


def test_residuals_are_expected_minus_predicted_by_fifths_of_the_prediction() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=1000)
    rows = valued((predicted + (predicted > 1)).tolist(), predicted.tolist())
    found = residuals(rows)
    assert len(found["points"]) == 400 and found["rows"] == 1000
    means = [one["mean"] for one in found["fifths"]]
    assert means[:4] == pytest.approx([0, 0, 0, 0], abs=1e-9) and means[4] > 0.5
    assert "Above zero, the candidate predicts too little" in to_html(report(regression()))


def test_the_share_of_clipped_losses_is_shown() -> None:
    rows = [
        replace(row, loss=2.0 if n % 4 == 0 else 0.5) for n, row in enumerate(regression().rows)
    ]
    shown = report(gathered("candidate", rows), champion=regression("champion"))
    assert shown.summary["clipped"] == {"candidate": 0.25}
    sentence = "Candidate: 25 % of the losses are above 1, and count as 1."
    assert sentence in to_html(shown) and sentence in to_markdown(shown)


@pytest.mark.parametrize(
    "output",
    [{}, {"label": "a"}, {"value": "x"}, {"value": 1.0}, {"label": "a", "confidence": 7.0}],
)
def test_outputs_that_cannot_be_read_leave_the_summary_out_and_decide_nothing(
    output: dict[str, object],
) -> None:
    rows = [replace(row, output=output) for row in classifier().rows]
    found = summary(evidence(candidate=gathered("candidate", rows)), LIMITS)
    assert "calibration" not in found and "residuals" not in found


def test_a_hostile_label_stays_text() -> None:
    label = "<script>alert(1)</script> | [x](http://x)"
    rows = [
        replace(row, expected={"answer": label if n % 2 else "no"})
        for n, row in enumerate(classifier().rows)
    ]
    shown = report(gathered("candidate", rows))
    assert "<script>alert" not in to_html(shown)
    assert "[x](http" not in to_markdown(shown)


def test_each_metric_says_its_direction_and_the_unit_that_the_label_has() -> None:
    found = report(regression(), unit="USD", metrics=(), primary="")
    text = to_markdown(found)
    assert "| mae | USD, lower is better, not judged |" in text
    assert "| r2 | higher is better, not judged |" in text
    assert "| Predicted (USD) | Rows | Expected minus predicted, mean (USD) | MAE (USD) |" in text
    html = to_html(found)
    assert "expected minus predicted, USD</text>" in html and ">MAE, USD</th>" in html


def test_a_score_that_few_people_know_is_in_the_table_and_explained() -> None:
    rows = [
        replace(row, scores={"one_minus_brier": 0.9, "accuracy": 1.0})
        for row in labelled(["a", "b"] * 30, ["a", "b"] * 30)
    ]
    text = to_markdown(report(gathered("candidate", rows), primary=""))
    assert "| one\\_minus\\_brier | higher is better |" in text or (
        "| one_minus_brier | higher is better |" in text
    )
    assert "one_minus_brier: 1 minus the Brier score: how good the probabilities are" in text
    assert text.index("| accuracy |") < text.index("one_minus_brier: 1 minus")
