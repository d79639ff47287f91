"""What is remembered of requests: records, events, metrics, and where they are kept."""
