"""The file of a spec, field by field.

``about`` is one sentence a field: `podium launch example` prints it and docs/launch.md repeats it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from . import spec
from .fields import (
    Choice,
    Count,
    Duration,
    Flag,
    Items,
    Loose,
    Number,
    Object,
    Part,
    Schema,
    Table,
    Text,
    name_of,
)
from .parts import (
    HEX,
    URI,
    VARIABLE,
    CanarySchema,
    MonitoringSchema,
    ResourcesSchema,
    ScalingSchema,
    SecretSchema,
    ServingSchema,
    SourceSchema,
    TrackingSchema,
)

_IMAGE = (
    r"[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@sha256:[0-9a-f]{64}"
)
_OURS = ("MODEL_URI", "PODIUM_RUN_ID", "PODIUM_TRACKING_URI", "PODIUM_SPOOL")
_CREDENTIALS = re.compile(
    r"AWS_(SECRET_ACCESS_KEY|SESSION_TOKEN)|(PODIUM|MLFLOW)_TRACKING_(TOKEN|PASSWORD)"
    r"|HF_TOKEN|HUGGING_FACE_HUB_TOKEN|WANDB_API_KEY|PGPASSWORD"
)


class VariableName(Text):
    def __init__(self) -> None:
        super().__init__(VARIABLE, must="a variable's name: letters, digits, '_'")

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        name = super()._deserialize(value, *args, **options)
        if name in _OURS:
            raise ValidationError("is set by Podium; choose another name")
        if _CREDENTIALS.fullmatch(name):
            raise ValidationError("is a credential; put it into a Secret and name that in secrets")
        return name


class ParameterSchema(Schema):
    makes = spec.Parameter
    name = Text(
        r"[A-Za-z_][A-Za-z0-9_-]{0,62}",
        must="a name: letters, digits, '_', '-'",
        required=True,
        about="Write ${sweep.NAME} where its value goes, in command, args or env.",
    )
    type = Choice(spec.Kind, about="double, int or choice.")
    min = Number(about="The least value of a double or int,")
    max = Number(about="the greatest,")
    step = Number(about="and how far apart they are.")
    log = Flag(about="Search on a logarithmic scale.")
    values = Items(Loose(), about="The values of a choice.")

    @validates_schema
    def _has_a_range(self, data: Mapping[str, Any], **_: Any) -> None:
        low, high = data.get("min"), data.get("max")
        if data.get("type", spec.Kind.DOUBLE) is spec.Kind.CHOICE:
            if not data.get("values") or low is not None or high is not None:
                raise ValidationError(
                    "must be the values of the choice, without min, max", "values"
                )
        elif data.get("values"):
            raise ValidationError("is for type: choice; give min and max", "values")
        elif low is None or high is None or low >= high:
            raise ValidationError("must be given, and min less than max", "max")
        elif data.get("log") and low <= 0:
            raise ValidationError("must be more than 0 on a logarithmic scale", "min")


class PrunerSchema(Schema):
    makes = spec.Pruner
    min_trials = Count(1, 10_000, about="So many trials must have completed before one is compared")
    start_step = Count(0, 2**53, about="and this step of it must have been logged.")


class SweepSchema(Schema):
    makes = spec.Sweep
    metric = Text(limit=250, required=True, about="The metric that is optimised.")
    goal = Choice(("minimize", "maximize"), required=True, about="minimize or maximize.")
    value = Choice(("last", "min", "max"), about="Which value of the metric counts.")
    target_value = Number(about="The sweep ends when the metric is this good.")
    algorithm = Choice(
        ("random", "grid", "tpe", "bayesianoptimization", "cmaes", "hyperband", "sobol"),
        about="How the next values are chosen.",
    )
    seed = Count(0, 2**32 - 1, about="Of what is chosen at random; one is drawn by default.")
    pruner = Part(
        PrunerSchema,
        about="A trial whose best value is worse than the median of the others by then is stopped.",
    )
    trials = Count(1, 10_000, about="How many are tried.")
    parallel = Count(1, 1000, about="How many at once.")
    max_failed = Count(0, 10_000, about="The sweep fails when more trials than this fail.")
    experiment = Text(limit=500, about="Where its runs go; by default named as the sweep.")
    parameters = Items(
        Part(ParameterSchema), of="a list of parameters", required=True, about="What is varied."
    )

    @validates_schema
    def _fits(self, data: Mapping[str, Any], **_: Any) -> None:
        trials = data.get("trials", 12)
        for name, default in (("parallel", 3), ("max_failed", 3)):
            if data.get(name, default) > trials:
                raise ValidationError(f"must be at most sweep.trials, which is {trials}", name)
        names = [each.name for each in data.get("parameters", ())]
        if len(set(names)) < len(names) or not names:
            raise ValidationError("must be at least one, each with a name of its own", "parameters")


class LaunchSchema(Schema):
    """A spec as it is written. ``site`` and ``owner`` are no fields of it."""

    makes = dict

    name = Text(limit=256, about="What it is called; by default as the model it is of.")
    target = Text(limit=63, about="The system that runs it: see `podium launch targets`.")
    purpose = Choice(spec.Purpose, required=True, about="train, evaluate, serve or sweep.")
    cluster = Text(limit=253, about="One of the site's clusters; by default its first.")
    namespace = name_of(
        "a namespace", limit=63, about="Where; by default the cluster's connection says so."
    )
    source = Part(SourceSchema, about="What it is launched for.")
    run_id = Text(
        HEX,
        must="a run's id: 32 hexadecimal digits",
        about="The run that the code logs to, as PODIUM_RUN_ID; the server makes one.",
    )
    image = Text(
        _IMAGE,
        limit=500,
        must="an image by digest, as in registry/train@sha256:… (docker buildx imagetools inspect "
        "prints it)",
        about="The image, by digest, so that a retry runs the same bytes.",
    )
    command = Items(Loose(), of="a list of words", about="Instead of the image's entry point.")
    args = Items(Loose(), of="a list of words", about="Its arguments.")
    env = Table(
        VariableName(),
        Loose(),
        about="Variables of its environment. No credentials: those are in secrets.",
    )
    secrets = Items(
        Part(SecretSchema),
        of="a list of Secrets",
        about="Secrets whose keys become variables: S3 keys, tokens. By name, never by value.",
    )
    tracking = Part(TrackingSchema, about="Where the code logs; by default as the site says.")
    resources = Part(ResourcesSchema, about="What each worker gets.")
    workers = Count(1, 100_000, about="Processes that run it together, each in a pod of its own.")
    queue = name_of("a Kueue LocalQueue", limit=63, about="The Kueue LocalQueue that admits it.")
    priority = name_of(
        "a priority class",
        limit=63,
        about="With a queue Kueue's WorkloadPriorityClass, else the pods' PriorityClass.",
    )
    deadline = Duration(about="It fails when it has not ended by then.")
    retries = Count(0, 100, about="How often it is tried again; eviction of a pod does not count.")
    storage = Text(
        URI,
        limit=2048,
        must="a URI such as s3://bucket/path",
        about="Where the model is: the code finds it as MODEL_URI.",
    )
    service_account = name_of(
        "a service account", about="One that the site allows; no token is mounted."
    )
    scaling = Part(ScalingSchema, about="How many replicas serve.")
    canary = Part(CanarySchema, about="A second version that is tried on a share of the requests.")
    serving = Part(ServingSchema, about="How it serves.")
    monitoring = Part(MonitoringSchema, about="Prometheus reads metrics of it.")
    sweep = Part(SweepSchema, about="What is varied, and what for.")
    options = fields.Dict(
        metadata={"about": "What only this target knows."},
        error_messages={"invalid": "must be a mapping of the target's options"},
    )
    overlay = Table(
        Text(),
        Object(),
        about="By kind, a merge patch (RFC 7386) on its object, where the site allows it.",
    )

    @validates_schema
    def _named(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data.get("name") and not data.get("source"):
            raise ValidationError("is missing; give a name or a source", "name")
