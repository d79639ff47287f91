"""What answers a request: which requests a plan can run, and what happens instead."""
