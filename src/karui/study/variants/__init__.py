"""Variants of the model within a study: which are tried, made, measured, screened and recorded."""
