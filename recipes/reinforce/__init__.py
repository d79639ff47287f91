"""The recipe that trains karui-mini by reinforcement, and brings the results back as differences."""
