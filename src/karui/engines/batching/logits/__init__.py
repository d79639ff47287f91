"""What changes logits before a token is drawn: banned and penalized words."""
