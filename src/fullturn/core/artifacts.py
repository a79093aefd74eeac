"""Names of the artifacts that a training run stores in MLflow."""

from __future__ import annotations

VALIDATION = "evaluation/validation.jsonl"
TRAINED = "evaluation/trained.json"
ENVIRONMENT, SOURCES = "environment.txt", "code.txt"
"""These list Python and every installed distribution, and the files of code, a line each:
`name==version`, `name==sha256`."""
