"""The evidence of a version: written when it is registered, and verified later."""
