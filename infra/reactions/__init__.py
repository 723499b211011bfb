"""From events to commands: who reacts, whether it is on, and what it still has to do."""
