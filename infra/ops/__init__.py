"""What operators see: status, heartbeats, metrics."""
