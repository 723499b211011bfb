"""Projections: what may be read, folded from what happened."""
