"""Orders, decision by decision."""
