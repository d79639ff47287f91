"""The text around a model: how it thinks, what its chat template makes of a prompt, what its answer is.

Shared by every engine, the probe of servers, the gateway and the trainers; nothing here imports torch.
"""
