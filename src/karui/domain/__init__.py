"""Which requests are like the recorded questions: the domain that a certificate speaks of."""
