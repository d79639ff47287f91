"""Training: supervised fine-tuning, distillation, on-policy distillation and GRPO, with a budget of time."""
