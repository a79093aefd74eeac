"""A model that somebody else registered in MLflow."""
