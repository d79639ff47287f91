"""HTML that the report and the monitor share: escaping, and the shell of a page."""
