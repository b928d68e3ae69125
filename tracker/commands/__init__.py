"""Subcommands of `podium` that work on the database of a server, running or not."""
