"""Speculative decoding: tokens proposed ahead by n-grams or a draft model, and verified in one forward."""
