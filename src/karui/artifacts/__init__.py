"""Artifacts: new weights made once, kept with their lineage, and given out again by digest."""
