"""The metric by which a run is chosen, as tables and steps show it."""

from __future__ import annotations

from fullturn.core.entities import RunRecord
from fullturn.core.tags import TrainingTags
from fullturn.core.wording import figure
from fullturn.tracking.runs import headline


def run(metrics: dict[str, float], **tags: str) -> RunRecord:
    named = {f"validation.{name}": value for name, value in metrics.items()}
    return RunRecord(
        "a", "a", "train", "FINISHED", "", 1.0, {}, named, TrainingTags(**tags).write()
    )


def test_accuracy_comes_before_a_score_that_few_people_know() -> None:
    both = {"one_minus_brier": 0.96, "accuracy": 0.947}
    assert headline(run(both, primary="one_minus_brier")) == (
        "accuracy 0.947, one_minus_brier 0.960"
    )
    assert headline(run(both, primary="accuracy")) == "accuracy 0.947"


def test_an_error_is_shown_in_the_unit_of_the_label() -> None:
    errors = {"mae": 11_113.4, "r2": 0.5, "closeness": 0.6}
    tags = {"primary": "closeness", "unit": "CAD"}
    assert headline(run(errors, chosen_by="mae", **tags)) == "mae 11,113 CAD"
    assert headline(run(errors, chosen_by="r2", **tags)) == "r2 0.5"


def test_figures_of_any_size_can_be_read() -> None:
    shown = [figure(value) for value in (0.012345, 3.14159, 999.94, 1234.5, 1e16)]
    assert shown == ["0.01235", "3.142", "999.9", "1,234", "1e+16"]
    assert figure(1234.5, "+") == "+1,234" and figure(-0.5, "+") == "-0.5"
