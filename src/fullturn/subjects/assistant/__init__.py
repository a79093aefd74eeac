"""The assistant: answers questions from passages, with citations, or says that it cannot."""
