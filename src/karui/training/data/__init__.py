"""What is learned from: examples, their tokens, and batches of them."""
