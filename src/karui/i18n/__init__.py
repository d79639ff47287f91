"""Texts in English and Japanese, and numbers and money as people of each language write them."""
