"""What parts of a running system may do to each other, and what must hold all the same."""
