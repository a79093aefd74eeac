"""`python -m fullturn`."""

from fullturn.cli import main

main()
