"""Whether full thinking is a baseline at all, and if not, why not."""
