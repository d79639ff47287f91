"""The monitor: one page that says whether all is well, what to do if it is not, and what is saved."""
