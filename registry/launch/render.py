"""From a file to manifests: read a spec, hold it against the site and its target, render it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from difflib import get_close_matches
from typing import Any

from marshmallow import ValidationError

from . import forbidden, gpu, overlay
from .faults import InvalidLaunch, lines, refuse
from .names import Manifest
from .schema import LaunchSchema
from .site import Resources, Site, allowed
from .site_schema import SiteSchema
from .spec import LaunchSpec, Owner, Purpose, Source
from .targets import TARGETS, Target

# Fields of every target; what else a target takes it says itself.
EVERYWHERE = frozenset(
    {"name", "target", "purpose", "cluster", "namespace", "source", "overlay", "site", "owner"}
)
_OR_OURS = ", or type `podium sweep start`, which launches a trial at a time"


def load_site(data: Mapping[str, Any]) -> Site:
    try:
        site: Site = SiteSchema().load(dict(data))
    except ValidationError as error:
        raise InvalidLaunch(lines(error)) from None
    return site


def load_spec(
    data: Mapping[str, Any],
    *,
    site: Site,
    target: str | None = None,
    owner: Owner | None = None,
) -> LaunchSpec:
    """The spec that ``data`` says, complete, allowed by the site and possible for its target.

    ``target`` takes the place of the one in the data. :class:`InvalidLaunch` says all
    that is wrong.
    """
    faults: list[str] = []
    try:
        said: dict[str, Any] = LaunchSchema().load(dict(data))
    except ValidationError as error:
        faults += lines(error)
        said = {}
    name = target or said.get("target") or data.get("target")
    found = find_target(name)
    options: Mapping[str, Any] = {}
    try:
        given = data.get("options") or {}
        options = found.OPTIONS().load(given) if isinstance(given, Mapping) else {}
    except ValidationError as error:
        faults += lines(error, "options")
    refuse(faults)
    source = said.get("source", Source())
    said["name"] = said.get("name") or source.model or f"run-{source.run[:8]}"
    spec = LaunchSpec(**said | {"target": name, "options": options}, owner=owner or Owner())
    refuse(_unfit(spec, data, found))
    spec = _settle(spec, site)
    refuse([*_forbidden_by_site(spec), *found.faults(spec)])
    refuse(overlay.faults(spec))
    return spec


def render(spec: LaunchSpec) -> list[Manifest]:
    """The manifests, with the overlay on them; nothing that is forbidden leaves here."""
    made = overlay.applied(spec, TARGETS[spec.target].manifests(spec))
    refuse(
        fault for each in made for fault in forbidden.faults(each, str(each.get("kind", "body")))
    )
    return made


def find_target(name: object) -> Target:
    if name is None:
        raise InvalidLaunch([f"target: is missing; name one of {', '.join(TARGETS)}"])
    if not isinstance(name, str) or name not in TARGETS:
        near = get_close_matches(str(name), TARGETS, 1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(TARGETS)}"
        raise InvalidLaunch([f"target: {name!r} is none; {meant}"])
    return TARGETS[name]


def _unfit(spec: LaunchSpec, data: Mapping[str, Any], target: Target) -> Iterator[str]:
    """What the target has no use for is refused: silence would look like consent."""
    if spec.purpose not in target.PURPOSES:
        others = [name for name, each in TARGETS.items() if spec.purpose in each.PURPOSES]
        mine = " or ".join(sorted(target.PURPOSES))
        yield (
            f"purpose: the target {spec.target} is to {mine}; "
            f"to {spec.purpose}, choose {', '.join(others)}"
            f"{_OR_OURS if spec.purpose is Purpose.SWEEP else ''}"
        )
        return
    for field in fields(LaunchSpec):
        if field.name in EVERYWHERE or field.name in target.TAKES or not data.get(field.name):
            continue
        if field.name == "options" or _is_default(spec, field.name):
            continue
        others = [n for n, t in TARGETS.items() if field.name in t.TAKES]
        yield (
            f"{field.name}: the target {spec.target} has no use for it; leave it out"
            f"{', or choose ' + ', '.join(others) if others else ''}"
        )
    for name in sorted(target.NEEDS):
        if not getattr(spec, name):
            help_ = LaunchSchema().fields[name].metadata["about"]
            yield f"{name}: is missing; the target {spec.target} needs it. {help_}"


def _is_default(spec: LaunchSpec, name: str) -> bool:
    field = next(each for each in fields(LaunchSpec) if each.name == name)
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return bool(getattr(spec, name) == default)


def _settle(spec: LaunchSpec, site: Site) -> LaunchSpec:
    """The spec with what the site says where the spec does not."""
    takes = TARGETS[spec.target].TAKES
    named = spec.resources.named
    resources = site.classes.get(named, spec.resources) if named else spec.resources
    # They are for the code of the user; a server that is none of ours has its own.
    more = [each for each in site.secrets if "image" in takes and each not in spec.secrets]
    return replace(
        spec,
        site=replace(site, run_as_user=site.run_as_user or None),
        resources=replace(resources, named=named),
        tracking=spec.tracking or site.tracking,
        secrets=(*spec.secrets, *more),
    )


def _forbidden_by_site(spec: LaunchSpec) -> Iterator[str]:
    site = spec.site
    if spec.cluster and site.clusters and spec.cluster not in site.clusters:
        yield f"cluster: {spec.cluster!r} is none of the site's: {', '.join(site.clusters)}"
    if spec.namespace and not allowed(spec.namespace, site.namespaces):
        yield _ask(f"namespace: {spec.namespace!r}", "namespaces", site.namespaces)
    account = spec.service_account
    if account and not allowed(account, site.service_accounts):
        yield _ask(f"service_account: {account!r}", "service_accounts", site.service_accounts)
    yield from _resources(spec.resources, site)
    if max(spec.workers, spec.scaling.most) > site.max_workers:
        where = "workers" if spec.workers > site.max_workers else "scaling.max"
        yield f"{where}: must be at most {site.max_workers}, the site's max_workers"
    pods = _pods(spec)
    gpus = pods * (spec.resources.gpu.count if spec.resources.gpu else 0)
    if gpus > site.max_gpus:
        yield (
            f"resources.gpu.count: must be lower: {gpus} GPUs over {pods} pods are more than "
            f"{site.max_gpus}, the site's max_gpus"
        )


def _pods(spec: LaunchSpec) -> int:
    """How many may have its resources at once: workers, replicas, trials, a version on trial."""
    pods = max(spec.workers, spec.scaling.most)
    if spec.sweep:
        return pods * spec.sweep.parallel
    if spec.canary:
        # Knative scales the version on trial as the other; elsewhere it is one pod.
        return pods + (pods if spec.options.get("mode") == "Knative" else 1)
    return pods


def _resources(resources: Resources, site: Site) -> Iterator[str]:
    classes = ", ".join(site.classes) or "none"
    if resources.named and resources.named not in site.classes:
        yield f"resources.class: {resources.named!r} is none of the site's classes: {classes}"
    elif site.only_classes and not resources.named:
        yield f"resources.class: is missing; the site has classes: {classes}"
    yield from gpu.faults(resources.gpu, site)


def _ask(what: str, listed: str, names: tuple[str, ...]) -> str:
    there = f"there are {', '.join(names)}" if names else "there are none yet"
    return f"{what} is not allowed by the site; {there}. An administrator adds it to {listed}"
