"""A model that serves elsewhere, over HTTP: asked, never loaded and never changed."""
