"""Processes that record side by side, each with an engine of its own, into one recording.

`pool.WorkerPool` is what `record` is given instead of an engine; `process` is what runs in each of them.
"""
