"""What channels and files say, and which commands it becomes."""
