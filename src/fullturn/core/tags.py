"""The tags that fullturn writes in MLflow."""

from __future__ import annotations

PREFIX = "fullturn."
NOTE = "mlflow.note.content"
"""The tag whose Markdown MLflow shows as a run's description."""
