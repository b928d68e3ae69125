"""What every request passes before its view is called."""

from __future__ import annotations

from flask import Flask, current_app, g, request
from podium.client.errors import PermissionDenied

from ..services import services
from .caller import ANONYMOUS, LOCAL, Visit, begin, end
from .origin import check_host, check_origin
from .permissions import PUBLIC, permission_of


def register(app: Flask) -> None:
    """Check the host, the origin and the declared permission, in this order."""

    @app.before_request
    def check() -> None:
        # Until it is known who asks, nobody does: what fails here must not run as the system.
        begin(Visit(ANONYMOUS, request.remote_addr, g.get("request_id")))
        view = current_app.view_functions.get(request.endpoint or "")
        permission = None if view is None else permission_of(view)
        # Probes of a load balancer go to an address, not to a name.
        if permission is not PUBLIC:
            check_host(request, services().config.allowed_hosts)
        check_origin(request)
        # Only loopback is bound, and whoever is on this machine may do everything: it remains
        # to refuse the view that has forgotten to say what it needs. No view at all is a 404.
        if view is not None and permission is None:
            raise PermissionDenied(f"{request.endpoint} declares no permission, so nobody has it.")
        begin(Visit(LOCAL, request.remote_addr, g.get("request_id")))

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        end()
