"""Profiling: what a model takes in memory and gives in tokens per second on this machine."""
