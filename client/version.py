"""The one place the version is written: packaging, the server and the client read it here."""

__version__ = "0.1.0"
