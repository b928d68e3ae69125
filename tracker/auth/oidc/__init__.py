"""Signing in at an OpenID Connect provider: authorization code, PKCE, state and nonce.

:mod:`signin` is the way there and back. Who somebody is the provider says by its own name and his
number with it, never by an e-mail address; passwords and tokens work beside it.
"""
