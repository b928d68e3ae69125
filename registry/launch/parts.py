"""The parts of a spec's file: objects in the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from . import site, spec
from .fields import Count, Flag, Items, Part, Schema, Text, cpu, memory, name_of

URI = r"[a-z][a-z0-9+.-]*://[^\s/][^\s]*"
HEX = r"[0-9a-f]{32}"
LABEL = r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


class GpuSchema(Schema):
    makes = site.Gpu
    count = Count(1, 64, about="GPUs, or MIG slices, of each worker.")
    product = Text(
        LABEL,
        must="the node label nvidia.com/gpu.product",
        about="Which GPU, as its nodes are labelled: NVIDIA-H100-80GB-HBM3.",
    )
    mig = Text(
        r"[1-9]g\.[1-9][0-9]*gb(\+me)?",
        must='a MIG profile such as "1g.10gb"',
        about="A slice of a GPU, by its MIG profile.",
    )
    shared = Flag(about="A GPU that other pods use at the same time.")

    @validates_schema
    def _one_kind(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("mig") and data.get("shared"):
            raise ValidationError("give mig or shared, not both", "shared")
        if data.get("shared") and data.get("count", 1) != 1:
            raise ValidationError("must be 1 with shared: one is all a pod can share", "count")


class ResourcesSchema(Schema):
    makes = site.Resources
    named = Text(
        data_key="class",
        limit=63,
        must="the name of a resource class",
        about="A class the administrator has named, such as small or 1xH100, instead of amounts.",
    )
    cpu = cpu(about='CPU of each worker: "4" or "500m".')
    memory = memory(about="Memory of each worker; more than this ends it as OOMKilled.")
    gpu = Part(GpuSchema, about="GPUs of each worker.")

    @validates_schema
    def _class_or_amounts(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("named") and len(data) > 1:
            raise ValidationError("give a class or amounts, not both", "class")


class SecretSchema(Schema):
    makes = site.Secret
    name = name_of("a Secret", required=True, about="The Secret, in the namespace of the launch.")
    keys = Items(
        Text(VARIABLE, must="a key that can name a variable"), about="Only these of its keys."
    )


class TrackingSchema(Schema):
    makes = site.Tracking
    uri = Text(
        r"https?://\S+",
        must="the http(s):// address of a Podium server",
        required=True,
        about="The Podium server as pods reach it.",
    )
    secret = name_of("a Secret", about="The Secret whose key PODIUM_TRACKING_TOKEN is the token.")


class SourceSchema(Schema):
    makes = spec.Source
    model = Text(limit=256, about="A registered model,")
    version = Count(1, 2**31 - 1, about="the version of it,")
    stage = Text(limit=64, about="and the stage it is launched for.")
    run = Text(HEX, must="a run's id: 32 hexadecimal digits", about="Or a run.")

    @validates_schema
    def _model_or_run(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("run") and data.get("model"):
            raise ValidationError("give model and version, or run, not both", "run")
        if data.get("model") and not data.get("version"):
            raise ValidationError("is missing; a model has versions, name one", "version")
        if not data.get("model") and not data.get("run"):
            raise ValidationError("is missing; name a model and its version, or a run", "model")


class ScalingSchema(Schema):
    makes = spec.Scaling
    min = Count(0, 1000, about="The fewest replicas; 0 where the target can go to zero.")
    max = Count(1, 1000, about="The most.")
    cpu = Count(1, 100, about="Percent of the requested CPU that another replica is added at.")

    @validates_schema
    def _ordered(self, data: Mapping[str, Any], **_: Any) -> None:
        low, high = data.get("min", 1), data.get("max")
        if high is not None and high < low:
            raise ValidationError(f"must be at least scaling.min, which is {low}", "max")
        if high is None and low == 0:
            raise ValidationError("is missing; with min: 0 say how many there may be", "max")


class CanarySchema(Schema):
    makes = spec.Canary
    percent = Count(1, 99, required=True, about="The share of the requests it gets.")
    storage = Text(
        URI,
        limit=2048,
        must="a URI such as s3://bucket/path",
        required=True,
        about="Where the version on trial is.",
    )
    version = Count(1, 2**31 - 1, about="Its number.")


class ServingSchema(Schema):
    makes = spec.Serving
    format = Text(
        r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?",
        must="a model format such as mlflow or sklearn",
        about="What kind of model it is: mlflow, sklearn, xgboost, huggingface, …",
    )
    port = Count(1, 65535, about="The port the server in the image listens on.")
    ready = Text(
        r"/\S*",
        must="a path such as /v2/health/ready",
        about="The path that answers 200 when it is ready.",
    )


class MonitoringSchema(Schema):
    makes = spec.Monitoring
    path = Text(r"/\S*", must="a path such as /metrics", about="Where Prometheus reads,")
    port = Count(1, 65535, about="at which port,")
    interval = Text(r"[1-9][0-9]*(s|m)", must='an interval such as "30s"', about="and how often.")
