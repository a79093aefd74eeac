"""Where bundles of version 0.1 say that their loader is. Nothing else belongs here."""
