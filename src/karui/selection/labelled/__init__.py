"""Answers without a checkable form: many judged by a model, a few of them labelled by hand."""
