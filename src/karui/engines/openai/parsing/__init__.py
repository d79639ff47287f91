"""From the chunks of a reply to its thinking, its answer and its tokens."""
