"""Model versions: registration, promotion, history, lineage, reproduction."""
