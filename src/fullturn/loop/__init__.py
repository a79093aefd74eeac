"""Composes the stages into a turn. The only place where stages meet."""
