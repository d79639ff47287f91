"""One file for each log format; a file that is added is found by its name: see `plug`, one folder up."""
