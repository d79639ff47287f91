"""The languages that karui's pages are written in: declared here, and only here."""

LANGUAGES = ("en", "ja")
"""ISO 639-1 codes, in the order of the columns of every table of texts."""
