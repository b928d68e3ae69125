"""Who may do what. Denied unless a route says otherwise."""

from .gate import register

__all__ = ["register"]
