"""Judging the answers of a recording by another model: asking, keeping what it said, and reading it back."""
