"""Runs written in the formats of other tools; `karui.recording.importing` is the way back."""
