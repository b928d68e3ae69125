"""Strict checks of manifests without a cluster: Kubernetes' own schemas, and ours for the rest.

The kinds of Kubernetes are held against kubernetes-validate's schemas of several versions, custom
resources against ``crds/``. Both refuse a field they do not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

VERSIONS = ("1.32", "1.35", "1.37")

_SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
_CORE = re.compile(r"(\w+) of (core|batch|autoscaling)/(v\d)")
_CRDS = Path(__file__).parent / "crds"


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """What an API server would refuse, as lines that name the field; [] if nothing."""
    key = (manifest["apiVersion"], manifest["kind"])
    if key in _custom():
        return [*_meta_problems(manifest), *_refused(_custom_validator(*key), manifest, "custom")]
    return [
        line
        for version in VERSIONS
        for line in _refused(_core_validator(version, *key), manifest, version)
    ]


def custom_kinds() -> set[str]:
    return {kind for _, kind in _custom()}


def resource(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """The API group and the resource, as a rule of RBAC names them."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"]
    return group, _plurals().get((f"{group}/{version}", kind), f"{kind.lower()}s")


def _refused(
    validator: Draft202012Validator, manifest: Mapping[str, Any], version: str
) -> Iterator[str]:
    for error in validator.iter_errors(manifest):
        where = ".".join(map(str, error.absolute_path))
        yield f"{manifest['kind']} {version}: {where}: {error.message}"


def _meta_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    meta = {"$ref": _reference("ObjectMeta", "io.k8s.apimachinery.pkg.apis.meta", "v1")}
    validator = Draft202012Validator(meta, registry=_registry(VERSIONS[-1]))
    for error in validator.iter_errors(manifest["metadata"]):
        yield f"{manifest['kind']}.metadata: {error.message}"


@cache
def _registry(version: str) -> Registry[Any]:
    content = json.loads((_folder(version) / "_definitions.json").read_text())
    resource: Resource[Any] = Resource.from_contents(content)
    registry: Registry[Any] = Registry()
    return resource @ registry


def _folder(version: str) -> Path:
    return _SCHEMAS / f"v{version}.0-local-strict"


@cache
def _core_validator(version: str, api_version: str, kind: str) -> Draft202012Validator:
    group, _, number = api_version.rpartition("/")
    name = "-".join(filter(None, [kind.lower(), group.split(".")[0], number]))
    schema = json.loads((_folder(version) / f"{name}.json").read_text())
    return Draft202012Validator(schema, registry=_registry(version))


@cache
def _custom() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    return {key: version["schema"]["openAPIV3Schema"] for key, _, version in _definitions()}


@cache
def _plurals() -> Mapping[tuple[str, str], str]:
    return {key: said["names"]["plural"] for key, said, _ in _definitions()}


def _definitions() -> Iterator[tuple[tuple[str, str], Mapping[str, Any], Mapping[str, Any]]]:
    """By apiVersion and kind: the definition's spec and its version."""
    for path in sorted(_CRDS.glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text()):
            said = crd["spec"]
            for version in said["versions"]:
                yield (f"{said['group']}/{version['name']}", said["names"]["kind"]), said, version


@cache
def _custom_validator(api_version: str, kind: str) -> Draft202012Validator:
    schema = _closed(_custom()[api_version, kind])
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema, registry=_registry(VERSIONS[-1]))


def _closed(schema: Any) -> Any:
    """As JSON Schema, where what is not named is refused, as strict field validation does."""
    core = _CORE.fullmatch(schema.get("description", ""))
    if core:
        return {"$ref": _reference(core[1], f"io.k8s.api.{core[2]}", core[3])}
    made = {name: value for name, value in schema.items() if not name.startswith("x-")}
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if "properties" in schema:
        made["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        made["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            made[name] = _closed(schema[name])
    return made


def _reference(kind: str, package: str, version: str) -> str:
    return f"https://kubernetes.io/api/_definitions.json#/$defs/{package}.{version}.{kind}"
