"""Reading and writing studies and choices: one codec, with a version."""
