"""From commands to a commit: the bus, the writer, what they keep at hand."""
