"""The file of a site, field by field: what an administrator says of the cluster."""

from __future__ import annotations

from . import site
from .fields import (
    NAME,
    Choice,
    Count,
    Duration,
    Flag,
    Items,
    Loose,
    Number,
    Object,
    Part,
    Plain,
    Schema,
    Table,
    Text,
    name_of,
)
from .parts import LABEL, ResourcesSchema, SecretSchema, TrackingSchema


class ConnectionSchema(Schema):
    makes = site.Connection
    kubeconfig = Text(
        r"/.+", limit=1000, must="an absolute path", about="A kubeconfig; else as the pod it is in."
    )
    context = Text(limit=250, about="Which of its contexts; by default the current one.")
    namespace = name_of("a namespace", limit=63, about="Where a launch goes that names none.")
    pipelines = Text(
        r"https?://[^\s?#]+",
        must="an http(s):// address",
        about="Kubeflow Pipelines, for the target kfp.",
    )
    pipelines_token = Text(
        r"/.+", limit=1000, must="an absolute path", about="A file with the bearer token for them."
    )
    pipelines_user = Text(
        r"[!-~]+", limit=250, must="a name", about="Who Podium is there: kubeflow-userid."
    )
    pipelines_namespace = name_of(
        "a namespace", limit=63, about="Where its runs are, if they are of several users."
    )


class PricesSchema(Schema):
    makes = site.Prices
    currency = Text(limit=8, about="What the numbers are: EUR.")
    classes = Table(Text(limit=63), Number(), about="An hour of a worker of a resource class.")
    products = Table(Text(LABEL, must="a GPU's product"), Number(), about="An hour of such a GPU.")
    gpu = Number(about="An hour of any other GPU.")
    cpu = Number(about="An hour of a core.")


class TolerationSchema(Schema):
    makes = site.Toleration
    key = Text(limit=317, required=True)
    value = Text(LABEL, must="a label's value")
    effect = Choice(("NoSchedule", "PreferNoSchedule", "NoExecute"))


class VariableSchema(Schema):
    makes = site.Variable
    type = Choice(("text", "int", "number", "bool"))
    default = Plain()
    choices = Items(Loose())
    min = Number()
    max = Number()
    about = Text(limit=1000)


class TemplateSchema(Schema):
    makes = site.Template
    manifests = Items(
        Object(),
        of="a list of objects",
        required=True,
    )
    variables = Table(Text(r"[a-z][a-z0-9_]*", must="a name: a-z, 0-9, '_'"), Part(VariableSchema))


class SiteSchema(Schema):
    """The administrator's file."""

    makes = site.Site
    clusters = Table(
        Text(NAME, must="a name"),
        Part(ConnectionSchema),
        about="The clusters by name; the first is where a launch goes that names none.",
    )
    prices = Part(PricesSchema, about="What an hour costs.")
    namespaces = Items(Text(), about="Namespaces that may be named; '*' stands for any text.")
    service_accounts = Items(Text(), about="Service accounts that may be named.")
    overlay = Items(
        Text(limit=500), about="Fields an overlay may set, as in Deployment.spec.minReadySeconds."
    )
    classes = Table(Text(limit=63), Part(ResourcesSchema), about="Resource classes by name.")
    only_classes = Flag(about="Resources are asked for by class, never by amount.")
    max_gpus = Count(0, 100_000, about="The most GPUs of one launch, over all pods it may have.")
    max_workers = Count(1, 100_000, about="The most workers, or replicas, of one launch.")
    tracking = Part(TrackingSchema, about="Where launched code logs.")
    secrets = Items(Part(SecretSchema), of="a list of Secrets", about="Secrets every launch gets.")
    node_selector = Table(Text(limit=317), Text(LABEL, empty=True), about="Labels of the nodes.")
    tolerations = Items(Part(TolerationSchema), about="Taints that launches tolerate.")
    run_as_user = Count(
        0,
        2**31 - 1,
        about="The user id of every container; 0: the image's own, which must not be root.",
    )
    shared_gpus = Choice(
        site.Sharing,
        about="How a shared GPU is offered: renamed (nvidia.com/gpu.shared), time-slicing or mps.",
    )
    mig_strategy = Choice(site.Mig, about="The GPU operator's MIG strategy: mixed or single.")
    keep_finished = Duration(
        about="How long an ended job, and its pods' logs, stay in the cluster."
    )
    monitor_labels = Table(
        Text(limit=317),
        Text(LABEL, empty=True),
        about="Labels your Prometheus selects monitors by.",
    )
    templates = Table(Text(NAME), Part(TemplateSchema), about="Templates of the target raw.")
