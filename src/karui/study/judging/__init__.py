"""Studies whose answers another model judges."""
