"""What reinforcement learning is made of: its configuration, prompts, rollouts and rewards."""
