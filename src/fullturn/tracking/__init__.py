"""Tracked runs, search and comparison."""
