"""What everything else may import: entities, errors, settings, tags, journal, locks."""
