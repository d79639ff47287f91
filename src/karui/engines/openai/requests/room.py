"""Whether a server's context holds a prompt and the limit of tokens that is asked for behind it.

Servers refuse a request whose prompt and limit together are longer than their context. Without a limit they
generate as far as the context goes, which is what the recording did where the certified limit did not fit.
"""

_TEMPLATE = 1024
"""Tokens that a chat template may add to the texts of a request."""


def holds(context: int, limit: int, size: int) -> bool:
    """Returns whether a limit may be asked for.

    Args:
        context: Of the server, in tokens; 0 where it is not known.
        limit: Tokens that may be generated.
        size: Bytes of the request's texts: no token of text is shorter than one.
    """
    return not context or limit + size + _TEMPLATE <= context
