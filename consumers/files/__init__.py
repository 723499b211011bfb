"""Files: what is told us in one piece, read line by line, with its rejects beside it."""
