"""From topics to commands: offsets, answers, dead letters."""
