"""A user's merge patches (RFC 7386) on rendered objects, where the administrator allows the fields.

What makes an object ours and a pod safe cannot be changed by one, whatever the site allows: neither
set nor taken away with what it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from .names import Manifest
from .site import allowed
from .spec import LaunchSpec

# The value of such a field is the same before and after, wherever it stands in the object.
_KEPT = frozenset(
    {"apiVersion", "kind", "suspend", "status", "selector", "image", "containers", "initContainers"}
    | {"securityContext", "automountServiceAccountToken", "serviceAccountName"}
)
_KEPT_OF_METADATA = frozenset({"name", "namespace", "labels", "ownerReferences", "finalizers"})


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, an object merges, anything else replaces."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    made = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def applied(spec: LaunchSpec, manifests: list[Manifest]) -> list[Manifest]:
    patches = spec.overlay
    return [merged(each, patches.get(str(each.get("kind")), {})) for each in manifests]


def faults(spec: LaunchSpec) -> Iterator[str]:
    """What of the overlay may not be set, or has nothing to be set on."""
    from .targets import TARGETS

    if not spec.overlay:
        return
    made = TARGETS[spec.target].manifests(spec)
    kinds = {str(each["kind"]) for each in made if "kind" in each}
    for kind, patch in spec.overlay.items():
        if kind not in kinds:
            there = ", ".join(sorted(kinds)) or "none that can be patched"
            yield f"overlay.{kind}: this launch has no such object; it has {there}"
        else:
            yield from _unallowed(patch, kind, spec)
            for each in made:
                if each.get("kind") == kind:
                    yield from _changed(each, merged(each, patch), kind)


def _unallowed(patch: Mapping[str, Any], kind: str, spec: LaunchSpec) -> Iterator[str]:
    for path in _leaves(patch, kind):
        if not allowed(path, spec.site.overlay):
            there = ", ".join(spec.site.overlay) or "nothing yet"
            yield (
                f"overlay.{path}: is not allowed by the site, which allows {there}. "
                "An administrator adds it to overlay"
            )


def _changed(before: Manifest, after: Manifest, kind: str) -> Iterator[str]:
    old, new = dict(_kept(before, kind)), dict(_kept(after, kind))
    for path in sorted(old.keys() | new.keys()):
        if path not in old or path not in new or old[path] != new[path]:
            yield f"overlay.{path}: is Podium's to set; remove what changes it from the overlay"


def _kept(found: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(found, Mapping):
        of_metadata = path.endswith(".metadata")
        for name, value in found.items():
            here = f"{path}.{name}"
            if name in _KEPT or (of_metadata and name in _KEPT_OF_METADATA):
                yield here, value
            else:
                yield from _kept(value, here)
    elif isinstance(found, list):
        for number, value in enumerate(found):
            yield from _kept(value, f"{path}[{number}]")


def _leaves(patch: Any, path: str) -> Iterator[str]:
    """The paths of all that a patch sets. A list is set whole."""
    if isinstance(patch, Mapping) and patch:
        for name, value in patch.items():
            yield from _leaves(value, f"{path}.{name}")
    else:
        yield path
