"""Which plan to take: the space of plans, the tests that hold although many were tried, the choice."""
