"""To disk and back: studies and choices by one codec with a version, and errors that name a file."""
