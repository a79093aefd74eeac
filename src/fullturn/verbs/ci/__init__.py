"""The pipeline of CI/CD on a checkout, and the report of it."""
