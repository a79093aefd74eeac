"""The CI/CD pipeline: its steps, its report, its workflow files."""
