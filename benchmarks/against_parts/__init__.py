"""What `benchmarks.against` is made of: two builds, their stores, turns, and a file a claim."""
