"""What verbs are made of: steps that several share, and the longer halves of one."""
