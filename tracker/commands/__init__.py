"""Subcommands of `podium` that work on the database and the store of a server, running or not."""
