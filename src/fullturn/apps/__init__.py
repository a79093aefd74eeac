"""Names that files of version 0.1 have on disk: a bundle's loader, and what an app imports."""
