"""An app of your own, `app = "wine_app:WineApp"`: predicts the cultivar of a wine, one of three.

scikit-learn is imported where it is needed: commands that only need the contract need not wait.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Input,
    Output,
    Params,
    Scores,
)
from fullturn.subjects.baseline import Majority
from fullturn.subjects.protocols import Run

HIGHEST = {
    "alcohol": 20, "malic_acid": 10, "ash": 5, "alcalinity_of_ash": 50, "magnesium": 300,
    "total_phenols": 10, "flavanoids": 10, "nonflavanoid_phenols": 2, "proanthocyanins": 10,
    "color_intensity": 20, "hue": 3, "od280_od315": 10, "proline": 3000,
}  # fmt: skip


class WineApp:
    """Standardization and logistic regression."""

    contract = Contract(
        columns=(
            Column("id", role="id"),
            *(Column(name, "number", minimum=0, maximum=most) for name, most in HIGHEST.items()),
            Column("cultivar", "category", "label", allowed=("one", "two", "three")),
        ),
        key=("id",),
        near_duplicates="report",
        text=None,
    )
    defaults: Params = {"C": 1.0}
    space = {"C": (0.01, 0.1, 1.0, 10.0)}

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit on the training split; the bundle is a single file."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from skops.io import dump

        rows = data.split("train")
        model = make_pipeline(StandardScaler(), LogisticRegression(C=params["C"]))
        model.fit(table([row.input for row in rows]), [row.expected["cultivar"] for row in rows])
        run.log(0, {"iterations": float(model[-1].n_iter_[0])})
        dump(model, run.directory / "model.skops")
        return run.directory

    def load(self, bundle: Path) -> "WinePredictor":
        """Load the bundle; skops rejects all types except known ones of scikit-learn and NumPy."""
        from skops.io import load

        return WinePredictor(load(bundle / "model.skops", trusted=[]))

    def score(self, row: Example, output: Output) -> Scores:
        """Accuracy, and one minus the Brier score."""
        correct = float(output["label"] == row.expected["cultivar"])
        return {"accuracy": correct, "calibration": 1 - (output["confidence"] - correct) ** 2}

    def baseline(self, data: Dataset) -> Majority:
        """Always the most frequent cultivar."""
        return Majority.of(data.split("train"), "cultivar")


class WinePredictor:
    """A loaded bundle."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The most likely cultivar of each row, and its probability."""
        shares = self.model.predict_proba(table(rows)) if rows else []
        return [
            {"label": str(self.model.classes_[one.argmax()]), "confidence": float(one.max())}
            for one in shares
        ]


def table(rows: Sequence[Input]) -> list[list[float]]:
    """Rows as lists of numbers, in the contract's order."""
    return [[float(row[name]) for name in HIGHEST] for row in rows]
