"""What a study can be told: the options, each declared once, and the files that hold them."""
