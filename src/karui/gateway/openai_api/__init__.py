"""OpenAI's API on the wire: requests read, replies and streams written."""
