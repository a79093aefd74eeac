"""Where an app written for version 0.1 imports its protocols from; today that is `fullturn`."""

from fullturn.subjects.protocols import App, GeneratesText, Predictor, Run

__all__ = ["App", "GeneratesText", "Predictor", "Run"]
