"""Rewards for reinforcement learning: one file each, each a plain function of one group of completions.

A group is what a model wrote to one question. Every function is given, in one order, how many tokens each
completion has and whether its answer is right, and returns one reward for each. Tokens are all that were
written, thinking and answer: a reward on the thinking alone teaches a model to think in its answer.

A completion cut by the token limit has no answer; it is wrong.
"""
