"""A portfolio: its file, the budget it runs within, and what became of it."""
