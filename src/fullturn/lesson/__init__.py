"""The lesson: a slide deck with live panels, built from real runs and shown in a browser."""
