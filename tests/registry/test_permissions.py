"""The pages, too, are denied unless declared."""

from __future__ import annotations

from flask.testing import FlaskClient
from podium.tracker.auth.permissions import PUBLIC, READ, permission_of


def test_every_page_declares_that_it_reads(pages: FlaskClient) -> None:
    app = pages.application
    found = {
        rule.rule: permission_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/api/", "/ajax-api/"))
    }
    assert {path for path, permission in found.items() if permission is None} == set()
    for path in ("/experiments", "/experiments/<experiment_id>", "/runs/<run_id>"):
        assert found[path] is READ
    public = {path for path, permission in found.items() if permission is PUBLIC}
    assert public == {
        *("/", "/health", "/ready", "/version", "/metrics", "/static/<name>"),
        *("/login", "/login/oidc", "/login/oidc/callback", "/welcome"),
    }
