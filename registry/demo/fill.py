"""Fills a server with something to look at, through the calls that everybody has."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from podium.client.errors import AlreadyExists, ConfigError

from .trials import trials

if TYPE_CHECKING:
    from podium.client.transport import Transport

NAME, MODEL, VERSIONS = "demo", "demo-classifier", 3
ACCOUNT, WEBHOOK = "demo-trainer", "demo-nobody-is-there"
# Of a domain that never has an address (RFC 2606): what is sent there fails.
RECEIVER = "https://receiver.invalid/podium"
_CARD = """# What it does

Tells **ten kinds** of pictures apart. Made up by `podium demo`.

| | |
|---|---|
| data | demo-pictures |
| trained by | demo-trainer |
"""


def fill(server: Transport) -> int:
    """The number of the request that waits.

    :class:`ConfigError` when the server has been filled before, with nothing done.
    """
    card = {"name": MODEL, "description": _CARD}
    try:
        server.request("POST", "/api/2.0/mlflow/registered-models/create", json=card)
    except AlreadyExists:
        raise ConfigError(
            f"There is a model {MODEL} on {server.uri} already. Delete it for another demo."
        ) from None
    _webhook(server)
    best = sorted(_train(), key=lambda found: found[0])[-VERSIONS:]
    return _promote(server, [run_id for _, run_id in best])


def _train() -> list[tuple[float, str]]:
    """Accuracy and id of each run that ended well."""
    from podium import client

    done: list[tuple[float, str]] = []
    for trial in trials():
        with client.start_run(trial.name, experiment=NAME, tags={"data": "demo-pictures"}) as run:
            client.log_params(
                {
                    "model": trial.model,
                    "learning_rate": trial.learning_rate,
                    "width": trial.width,
                    "dropout": trial.dropout,
                }
            )
            last = 0.0
            for step, values in enumerate(trial.curve()):
                client.log_metrics(values, step)
                last = values["validation/accuracy"]
            client.log_dict(
                {"width": trial.width, "weights": [0.5] * trial.width}, "model/net.json"
            )
            if trial.diverges:
                client.set_tag("mlflow.note.content", "The loss left the numbers: **too fast**.")
                client.end_run(client.RunStatus.FAILED)
            else:
                done.append((last, run.run_id))
    client.flush()
    return done


def _webhook(server: Transport) -> None:
    server.request(
        "POST",
        "/api/v1/webhooks",
        json={
            "name": WEBHOOK,
            "url": RECEIVER,
            "model": MODEL,
            "events": ["MODEL_VERSION_CREATED", "MODEL_VERSION_TRANSITIONED_STAGE"],
        },
    )


def _promote(server: Transport, runs: list[str]) -> int:
    from podium import client
    from podium.client.transport import Transport

    versions = [client.register_model(MODEL, run=run_id).version for run_id in runs]
    first, second, third = versions
    client.promote(MODEL, first, "Production", comment="The first that is good enough.")
    client.promote(MODEL, second, "Staging", comment="Better on the validation part.")
    client.set_alias(MODEL, "challenger", third)
    server.request(
        "PUT", f"/api/v1/models/{MODEL}/policies/Production", json={"approvals": 1, "gates": []}
    )
    asker = Transport(server.uri, _account(server)) if has_accounts(server) else server
    asked = asker.request(
        "POST",
        f"/api/v1/models/{MODEL}/promotions",
        json={"version": third, "stage": "Production", "comment": "The best of all fifty runs."},
    ).json()
    return int(asked["id"])


def _account(server: Transport) -> str:
    """The token of the service account that asks for the promotion, good for a day."""
    with suppress(AlreadyExists):  # it is that of an earlier demo, whose model was deleted
        server.request("POST", "/api/v1/users", json={"name": ACCOUNT, "kind": "service"})
    server.request(
        "PUT",
        "/api/v1/roles",
        json={"kind": "model", "name": MODEL, "principal": ACCOUNT, "role": "editor"},
    )
    made = server.request(
        "POST",
        f"/api/v1/users/{ACCOUNT}/tokens",
        json={"name": "podium demo", "scopes": ["read", "register"], "days": 1},
    ).json()
    return str(made["token"])


def has_accounts(server: Transport) -> bool:
    """Whether it asks who people are; if not, all are one, and nobody is left to approve."""
    return bool(server.request("GET", "/api/v1/me").json()["kind"] != "local")


def experiment_of(server: Transport) -> str:
    found = server.request(
        "GET", "/api/2.0/mlflow/experiments/get-by-name", query={"experiment_name": NAME}
    ).json()
    return str(found["experiment"]["experiment_id"])
