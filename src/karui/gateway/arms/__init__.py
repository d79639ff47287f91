"""Plans beside full thinking by what users say: the draw, the tests, the rule, and what is kept of it."""
