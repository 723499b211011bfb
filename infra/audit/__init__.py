"""The store held against everything else: verify, reconcile, a restored backup."""
