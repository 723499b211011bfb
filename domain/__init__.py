"""The domain: what is true. Pure, standard library only."""
