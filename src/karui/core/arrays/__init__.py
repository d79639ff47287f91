"""Many traces at once, as arrays: what lets a technique say in one go what its machine says step by step.

The machines of `karui.core.flow` are what a plan means. What is here only computes the same faster, where a
technique offers it (`Technique.watch_all`, `Technique.flow_all`), and is held equal to them by tests.
"""
