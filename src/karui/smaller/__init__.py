"""Smaller: techniques that make the model itself light; one file each."""
