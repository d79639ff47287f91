"""Processes that record side by side, each with an engine of its own, into one recording.

`pool.WorkerPool` is what `record` is given instead of an engine; `process` is what runs in each of them. On a
Ray cluster (`ray_cluster`) they are actors (`ray_worker`); `servers` are several servers with one model.
"""
