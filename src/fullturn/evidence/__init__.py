"""A version's evidence: model card, bill of materials, keys and signature."""
