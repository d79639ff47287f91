"""The forge: makes new weights once, keeps them with their lineage, and gives them out again by digest."""
