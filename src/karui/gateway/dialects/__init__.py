"""Other APIs than chat completions in front of the same gateway: Anthropic's messages, OpenAI's responses."""
