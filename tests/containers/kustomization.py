"""Renders the part of Kustomize that deploy/kubernetes uses, for machines
without it: resources, namespace, configMapGenerator (names stay without their
hash), images, and patches of maps."""

import os

import yaml

FIELDS = {"apiVersion", "kind", "resources", "namespace", "configMapGenerator",
          "images", "patches"}
# Of what deploy/kubernetes has.
CLUSTER_KINDS = {"Namespace"}


def load(path):
    with open(path) as file:
        return [document for document in yaml.safe_load_all(file) if document]


def render(folder):
    """The resources of a kustomization, as a list."""
    path = os.path.join(folder, "kustomization.yaml")
    kustomization, = load(path)
    unknown = set(kustomization) - FIELDS
    if unknown:
        raise ValueError(f"{path}: {unknown} isn't rendered here")
    resources = []
    for name in kustomization.get("resources", []):
        target = os.path.normpath(os.path.join(folder, name))
        resources += render(target) if os.path.isdir(target) else load(target)
    for generator in kustomization.get("configMapGenerator", []):
        resources.append(_config_map(folder, generator))
    for patch in kustomization.get("patches", []):
        document, = load(os.path.join(folder, patch["path"]))
        target, = [resource for resource in resources
                   if _key(resource) == _key(document)]
        _merge(target, document)
    for resource in resources:
        if "namespace" in kustomization:
            _set_namespace(resource, kustomization["namespace"])
        for image in kustomization.get("images", []):
            _set_image(resource, image)
    return resources


def _key(resource):
    return resource["kind"], resource["metadata"]["name"]


def _config_map(folder, generator):
    data = {}
    for name in generator["files"]:
        with open(os.path.join(folder, name)) as file:
            data[os.path.basename(name)] = file.read()
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": generator["name"]}, "data": data}


def _merge(target, patch):
    for key, value in patch.items():
        if isinstance(value, list):
            raise ValueError(f"a patch of the list {key} isn't rendered here")
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


def _set_namespace(resource, namespace):
    if resource["kind"] not in CLUSTER_KINDS:
        resource["metadata"]["namespace"] = namespace


def _set_image(value, image):
    if isinstance(value, list):
        for item in value:
            _set_image(item, image)
    elif isinstance(value, dict):
        if value.get("image") == image["name"]:
            value["image"] = f"{image['newName']}:{image['newTag']}"
        for item in value.values():
            _set_image(item, image)
