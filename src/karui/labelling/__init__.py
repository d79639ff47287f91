"""Labelling answers by hand: a page in the browser, blind, and the server behind it."""
