"""Continuous delivery of models: the pipeline, its report, its workflows, a version's evidence."""
