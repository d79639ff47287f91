"""The gateway: a chosen plan behind the API that every client speaks, guarded, watched, with a fallback."""
