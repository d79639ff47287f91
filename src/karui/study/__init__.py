"""A study: from questions to a tested choice. The command line and the Python API both call this."""
