"""Streams side by side over one model: rows in slots that step together. What computes is each engine's own.

The slot loop, and what is read from the tokens a row wrote, is the same for every engine that runs a model
in this process: `karui.engines.transformers` and `karui.engines.llama_cpp` each bring a `ModelRunner`.
"""
