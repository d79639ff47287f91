"""One generation on a server: its stream, the forks for trials, and given texts retold."""
