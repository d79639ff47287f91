"""A reasoner that thinks aloud, fine-tuned from Qwen2.5-Coder-1.5B-Instruct on the long traces of others."""
