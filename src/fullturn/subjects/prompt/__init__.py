"""A prompt and its cases, without Python: messages as a template, a model, and scorers."""
