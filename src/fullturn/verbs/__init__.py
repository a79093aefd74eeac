"""One module for each verb. The only place where stages meet."""
