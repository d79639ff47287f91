"""A request on its way in: admission, its context, and its record closed once."""
