"""Where a gateway keeps things: an SQLite file of one machine, or a PostgreSQL database for several."""
