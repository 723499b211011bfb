"""From the log to the topics, once and in order."""
