"""What produces an answer: the plan, the upstream server, or a model in this process."""
