"""One file per section of the report: its values, which a template lays out."""
