"""Comparing two runs question by question: is the difference real, and does it matter?

`side` reads a run, `pairing` finds the questions that both answered, `paired` compares one figure, `compare`
all of them; `rules` decides what fails a build, and `words` says it.
"""
