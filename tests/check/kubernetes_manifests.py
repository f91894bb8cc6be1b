#!/usr/bin/env python3
"""Holds packaging/kubernetes against the daemon: its permissions, its kinds, its fields, and the examples.

Usage: kubernetes_manifests.py REPOSITORY
Exit code 77 means skipped: python3-yaml or python3-jsonschema is not installed.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CRD_FILES = ("crds-v3.yaml", "crds-v1.yaml")
CALICO_GROUPS = ("projectcalico.org", "crd.projectcalico.org")
CALICO_DECODERS = ("calico", "calico_policy", "calico_rule", "calico_peer", "http", "host_endpoint", "network_policy",
                   "selector")
KIND_ROW = re.compile(r'\{policy::Kind::(\w+),\s*("[^"]+"|k\w+),\s*"(\w+)",\s*(true|false)')
FIELD_ROW = re.compile(r'\{"(\w+)",')
# Words in rows that are no fields: the values a field may have, and the tiers that always exist.
NO_FIELDS = {"Deny", "Pass", "Allow", "Log", "In", "NotIn", "Exists", "DoesNotExist", "Set", "Delete", "Learn", "Ignore",
             "AssumeNeededOnEveryNode", "default"}
OBJECT_FIELDS = {"apiVersion", "kind", "metadata", "spec"}


def collections(root: pathlib.Path) -> set:
    """(group, version, kind or None for what Calico has no part in, plural, namespaced) of everything that is followed."""
    text = (root / "daemon/sources/kubernetes/kubernetes_kinds.h").read_text()
    names = dict(re.findall(r'string_view (k\w+) = "([^"]+)";', text))
    found = set()
    for kind, version, plural, namespaced in KIND_ROW.findall(text):
        group, _, version = names.get(version, version.strip('"')).rpartition("/")
        found.add((group, version, kind, plural, namespaced == "true"))
    assert len(found) == text.count("{policy::Kind::"), "kubernetes_kinds.h is not written as this check reads it"
    return found


def permission_problems(root: pathlib.Path, followed: set) -> list:
    documents = list(yaml.safe_load_all((root / "packaging/kubernetes/rbac.yaml").read_text()))
    role = next(one for one in documents if one["kind"] == "ClusterRole")
    granted = {(group, resource) for rule in role["rules"] for group in rule["apiGroups"] for resource in rule["resources"]}
    needed = {(group, plural) for group, _, _, plural, _ in followed}
    found = [f"rbac.yaml: {one} is followed, but not granted" for one in sorted(needed - granted)]
    found += [f"rbac.yaml: {one} is granted, but not followed" for one in sorted(granted - needed)]
    found += [f"rbac.yaml: {rule['verbs']} instead of list and watch" for rule in role["rules"]
              if rule["verbs"] != ["list", "watch"] or set(rule) != {"apiGroups", "resources", "verbs"}]
    return found


def read_definitions(root: pathlib.Path) -> list:
    return [one for name in CRD_FILES for one in yaml.safe_load_all((root / "packaging/kubernetes" / name).read_text())]


def kind_problems(definitions: list, followed: set) -> list:
    written = {(one["spec"]["group"], one["spec"]["versions"][0]["name"], one["spec"]["names"]["kind"],
                one["spec"]["names"]["plural"], one["spec"]["scope"] == "Namespaced") for one in definitions}
    needed = {one for one in followed if one[0] in CALICO_GROUPS}
    return ([f"no definition of {one}" for one in sorted(needed - written)]
            + [f"{one} is defined, but not followed" for one in sorted(written - needed)])


def schema_of(definition: dict) -> dict:
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def property_names(schema: dict) -> set:
    names = set(schema.get("properties", {}))
    for part in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        names |= property_names(part) if part else set()
    return names


def field_problems(root: pathlib.Path, definitions: list) -> list:
    decoded = {"from", "to", "stagedAction"}  # written in another way there
    for name in CALICO_DECODERS:
        decoded |= set(FIELD_ROW.findall((root / f"daemon/sources/decode_{name}.cc").read_text()))
    decoded -= NO_FIELDS | OBJECT_FIELDS
    written = set().union(*(property_names(schema_of(one)) for one in definitions)) - OBJECT_FIELDS
    return ([f"{one} is decoded, but in no schema" for one in sorted(decoded - written)]
            + [f"{one} is in a schema, but not decoded" for one in sorted(written - decoded - {"Ingress", "Egress"})])


def strict(schema: dict) -> dict:
    """As the API server takes it with strict field validation: what no schema names is refused."""
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = strict(schema["items"])
    return result


def structure_problems(schema: dict, where: str) -> list:
    """Kubernetes refuses a schema in which a type is not stated."""
    stated = "type" in schema or any(name.startswith("x-kubernetes-") for name in schema)
    found = [] if stated else [f"{where}: no type"]
    for name, part in schema.get("properties", {}).items():
        found += structure_problems(part, f"{where}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            found += structure_problems(schema[name], f"{where}[]")
    return found


# What the definition of a GlobalNetworkPolicy must say about a spec.
SPECS = (
    (True, {"ingress": [{"action": "Allow", "source": {"podSelector": "role == 'web'"}}]}),
    (True, {"ingress": [{"action": "Allow", "source": {"podSelector": {"matchLabels": {"role": "web"}}}}]}),
    (True, {"egress": [{"action": "Deny", "protocol": 132, "destination": {"ports": [80, "8000:8100", "web"]}}]}),
    (False, {"ingres": []}),
    (False, {"ingress": [{"protocol": "TCP"}]}),
    (False, {"ingress": [{"action": "allow"}]}),
    (False, {"ingress": [{"action": "Allow", "ipVersion": 5}]}),
    (False, {"ingress": [{"action": "Allow", "source": {"nets": ["10.0.0.0/8"] * 257}}]}),
)


def schema_problems(definitions: list) -> list:
    found = []
    for definition in (one for one in definitions if one["spec"]["names"]["kind"] == "GlobalNetworkPolicy"):
        validator = jsonschema.Draft7Validator(strict(schema_of(definition))["properties"]["spec"])
        found += [f"{definition['metadata']['name']}: {'refuses' if valid else 'takes'} {spec}"
                  for valid, spec in SPECS if validator.is_valid(spec) != valid]
    return found


def objects_below(folder: pathlib.Path):
    for file in sorted(folder.rglob("*.yaml")):
        for one in yaml.safe_load_all(file.read_text()):
            if isinstance(one, dict):
                yield from ((file, item) for item in (one["items"] if one.get("kind") == "List" else [one]))


def example_problems(root: pathlib.Path, definitions: list) -> tuple:
    schemas = {(f"{one['spec']['group']}/{one['spec']['versions'][0]['name']}", one["spec"]["names"]["kind"]): one
               for one in definitions}
    found, checked = [], 0
    for file, one in objects_below(root / "packaging/examples"):
        definition = schemas.get((one.get("apiVersion"), one.get("kind")))
        if definition is None:
            continue
        checked += 1
        schema = strict(schema_of(definition))
        schema["properties"]["metadata"] = {"type": "object"}
        found += [f"{file.relative_to(root)}: {one['kind']} {one['metadata']['name']}: {error.json_path}: {error.message}"
                  for error in jsonschema.Draft7Validator(schema).iter_errors(one)]
    return found, checked


def generated_problems(root: pathlib.Path) -> list:
    folder = root / "packaging/kubernetes"
    with tempfile.TemporaryDirectory() as fresh:
        subprocess.run([sys.executable, folder / "make-crds", fresh], check=True)
        return [f"{name} is not what make-crds writes" for name in CRD_FILES
                if (folder / name).read_text() != (pathlib.Path(fresh) / name).read_text()]


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    followed = collections(root)
    definitions = read_definitions(root)
    found = permission_problems(root, followed) + kind_problems(definitions, followed)
    found += field_problems(root, definitions) + generated_problems(root)
    found += schema_problems(definitions)
    for one in definitions:
        found += structure_problems(schema_of(one), one["metadata"]["name"])
    problems, examples = example_problems(root, definitions)
    found += problems
    print(*found, sep="\n", end="\n" if found else "")
    print(f"kubernetes manifests: {len(followed)} collections, {len(definitions)} definitions, {examples} examples, "
          f"{len(found)} problems")
    return 1 if found or examples == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
