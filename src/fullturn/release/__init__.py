"""Releases: from shadow through canary to champion, or rolled back, on evidence."""
