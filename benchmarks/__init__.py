"""One file per claim about speed; run each as a module."""
