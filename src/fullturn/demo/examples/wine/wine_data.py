"""`python wine_data.py` writes wine.csv: 178 wines of three cultivars, from scikit-learn.

Source: Aeberhard and Forina, Wine, UCI Machine Learning Repository, 1992 (CC BY 4.0).
"""

import csv
from pathlib import Path

from sklearn.datasets import load_wine

CULTIVARS = ("one", "two", "three")


def write_csv(path: Path) -> None:
    """Write a header line and one line for each wine."""
    wine = load_wine()
    names = [name.split("/")[0] for name in wine.feature_names]
    names[names.index("od280")] = "od280_od315"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *names, "cultivar"])
        for number, (values, target) in enumerate(zip(wine.data, wine.target, strict=True), 1):
            writer.writerow([f"wine-{number:03}", *values, CULTIVARS[target]])


if __name__ == "__main__":
    write_csv(Path("wine.csv"))
