"""Commands: what may be asked of the domain."""
