"""Several proofs of concept side by side: what each returns, what it took, and what to do next."""
