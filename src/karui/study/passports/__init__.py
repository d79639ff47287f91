"""Passports of real studies and models: reading, signing, checking what is there, asking questions live."""
