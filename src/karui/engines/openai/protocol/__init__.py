"""What a server is sent and what it sends back: HTTP, event streams, OpenAI's JSON and its dialects."""
