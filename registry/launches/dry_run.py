"""Trying a launch out: what its cluster would say to each object, with nothing left there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.client.errors import Unavailable
from podium.client.launches import DryRun, LaunchDiagnosis, Verdict
from podium.tracker.db import Database

from ..launch.cluster import Cluster
from ..launch.diagnose import diagnose
from ..launch.files import as_yaml
from ..launch.kube import Refused
from ..launch.names import Manifest
from ..launch.site import Site
from .live import cluster_of
from .monitors import without_unknown
from .plan import Plan
from .start import plan_of, subject_of
from .taken import taken

NOT_NOW = "It could not be tried out now. {}"


def dry_run(db: Database, site: Site, spec: Mapping[str, Any], *, artifacts: str) -> DryRun:
    """Of a spec, by whoever may launch it; what is wrong with it is said as by ``start``."""
    with db.reading() as session:
        subject_of(session, spec)
        plan = plan_of(session, site, spec, artifacts=artifacts)
    return as_far_as_can_be(db, plan, site)


def as_far_as_can_be(db: Database, plan: Plan, site: Site) -> DryRun:
    """A cluster that does not answer is a ``problem``."""
    try:
        return try_out(db, plan, site)
    except Unavailable as away:
        return not_tried(NOT_NOW.format(away.message), plan)


def try_out(db: Database, plan: Plan, site: Site) -> DryRun:
    """:class:`Unavailable` where the cluster does not answer."""
    if plan.spec.target == "kfp":
        return not_tried(
            "The target kfp is no Kubernetes API: there is no dry run of its calls.", plan
        )
    cluster = cluster_of(site, plan.cluster)
    manifests, remarks = without_unknown(cluster, plan.manifests)
    verdicts = tuple(
        Verdict(str(each["kind"]), str(each["metadata"]["name"]), _refused(db, cluster, plan, each))
        for each in manifests
    )
    accepted = all(each.refused is None for each in verdicts)
    text = "".join(f"# {each}\n" for each in remarks) + as_yaml(manifests)
    return DryRun(plan.cluster, plan.namespace, accepted, text, verdicts)


def not_tried(problem: str, plan: Plan | None = None) -> DryRun:
    """What would go to a cluster that could not be asked, as far as that is known."""
    if plan is None:
        return DryRun("", "", False, "", (), problem)
    return DryRun(plan.cluster, plan.namespace, False, as_yaml(plan.manifests), (), problem)


def _refused(
    db: Database, cluster: Cluster, plan: Plan, manifest: Manifest
) -> LaunchDiagnosis | None:
    """By the cluster or, what it would let go through, by us."""
    try:
        found = taken(db, cluster, plan, manifest)
        if found is None:
            cluster.apply(manifest, dry_run=True)
            return None
    except Refused as refused:
        found = diagnose([refused.answer])
        if found is None:
            return LaunchDiagnosis("Refused", refused.message, "")
    return LaunchDiagnosis(found.code, found.sentence, found.fix, found.said)
