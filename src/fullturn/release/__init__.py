"""From shadow over canary to champion, or back: what the evidence says."""
