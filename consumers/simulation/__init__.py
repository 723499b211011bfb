"""Simulation: trade that looks like life, for the demo and the benchmarks."""
