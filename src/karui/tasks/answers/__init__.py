"""Answers in texts: finding them, and writing them in one canonical form."""
