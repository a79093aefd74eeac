"""From an alarm to a costed decision."""
