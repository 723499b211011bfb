"""The whole program as its users meet it: real processes, from the front door to the answers."""
