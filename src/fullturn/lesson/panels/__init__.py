"""The live panels of the lesson: each does a real thing, and says what happens as events."""
