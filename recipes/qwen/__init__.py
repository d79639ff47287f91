"""The recipe that teaches Qwen2.5-Coder-1.5B-Instruct to think shorter on GSM8K."""
