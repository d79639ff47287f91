"""What many tests need: tiny models, fake servers, gateways, recordings, made by hand."""
