"""How the tests are spread over worker processes (``pytest -n 2``, as `make test` does).

A file stays with one worker, in the order in which it would run alone, since its fixtures are made
once a module. Where a fixture of a whole folder is dear, all that uses it stays together.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# The stock clients' tests run before each of two servers, and stock servers are what is imported.
_TOGETHER = ("tests/registry/transfer/arrival/",)
_SERVERS = ("sqlite and folder", "postgresql and s3")


class BySharedFixtures(LoadScopeScheduling):
    """Whole files go to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        for folder in _TOGETHER:
            if path.startswith(folder):
                return folder
        if path.startswith("tests/contract/"):
            for server in _SERVERS:
                if server in nodeid:
                    return f"tests/contract/ {server}"
        return path
