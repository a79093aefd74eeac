"""The lesson: a deck built from real runs, with live panels, shown in a browser."""
