"""The two drivers of the core's pure machines: live on an engine, and replayed from a recording."""
