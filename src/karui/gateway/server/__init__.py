"""The server: routes, who may do what, and listening."""
