"""A model or an LLM application, all the way round the MLOps lifecycle."""
