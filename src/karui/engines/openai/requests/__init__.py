"""From a prompt to the body of a request, rendered here or by the server."""
