#!/usr/bin/python3
"""deploy/kubernetes: that what its overlays make is what Kubernetes' API knows,
and says what it should.

Usage: kubernetes_test.py FOLDER WSPD
"""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import kubernetes
    import yaml
except ImportError:
    print("skipped: python3-kubernetes and python3-yaml aren't installed")
    sys.exit(0)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kustomization  # noqa: E402

FOLDER, WSPD = sys.argv[1:3]
OVERLAYS = ["daemonset", "daemonset_host_pid", "sidecar"]
DAEMON = 65532
# Where clouds tell their machines what is for them alone, their keys among it.
METADATA = {"0.0.0.0/0": "169.254.169.254", "::/0": "fd00:ec2::254"}
# Of Kubernetes 1.29, and so not in the models: a container that is started
# before the others, and stays.
NEWER_FIELDS = {("V1Container", "restartPolicy")}


def overlay(name):
    return kustomization.render(os.path.join(FOLDER, "overlays", name))


def example():
    return kustomization.load(
        os.path.join(FOLDER, "overlays/daemonset/client_example.yaml"))


def model_of(resource):
    version = resource["apiVersion"].rpartition("/")[2]
    return getattr(kubernetes.client, version.capitalize() + resource["kind"])


def faults(value, kind, path):
    """What there is in `value` that the models don't know, or that lacks."""
    if kind == "object":
        return
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for index, item in enumerate(value):
            yield from faults(item, match[1], f"{path}[{index}]")
    elif match := re.fullmatch(r"dict\((.*), (.*)\)", kind):
        if not isinstance(value, dict):
            yield f"{path} is no map"
            return
        for key, item in value.items():
            yield from faults(item, match[2], f"{path}.{key}")
    elif model := getattr(kubernetes.client, kind, None):
        yield from faults_of_model(value, model, path)
    else:
        expected = {"str": str, "int": int, "bool": bool, "float": (int, float),
                    "datetime": str}[kind]
        if not isinstance(value, expected) or (
                kind == "int" and isinstance(value, bool)):
            yield f"{path} is {value!r}, and no {kind}"


def faults_of_model(value, model, path):
    if not isinstance(value, dict):
        yield f"{path} is no {model.__name__}"
        return
    attributes = {json: name for name, json in model.attribute_map.items()}
    for field, item in value.items():
        if (model.__name__, field) in NEWER_FIELDS:
            continue
        if field not in attributes:
            yield f"{path}.{field}: {model.__name__} has no such field"
            continue
        yield from faults(item, model.openapi_types[attributes[field]],
                          f"{path}.{field}")
    # Which fields there have to be is known when one is made.
    known = {attributes[field]: item for field, item in value.items()
             if field in attributes}
    configuration = kubernetes.client.Configuration()
    try:
        model(local_vars_configuration=configuration, **known)
    except ValueError as error:
        yield f"{path}: {error}"


def without_hashes(resources):
    text = yaml.safe_dump(resources)
    return yaml.safe_load(re.sub(r"\b(wspd-config)-[a-z0-9]{10}\b", r"\1", text))


def sorted_by_name(resources):
    return sorted(resources, key=lambda resource: (
        resource["kind"], resource["metadata"]["name"]))


def of_kind(resources, kind):
    found, = [resource for resource in resources if resource["kind"] == kind]
    return found


def pod_of(resources):
    """The specification of the pods that they make."""
    for resource in resources:
        if resource["kind"] == "Pod":
            return resource["spec"]
        if "template" in resource.get("spec", {}):
            return resource["spec"]["template"]["spec"]
    raise AssertionError("no pods")


def containers_of(pod):
    return pod.get("initContainers", []) + pod["containers"]


def container_of(pod, name):
    found, = [container for container in containers_of(pod)
              if container["name"] == name]
    return found


ALL = {**{name: overlay(name) for name in OVERLAYS}, "example": example()}


def of_each(*names):
    """Gives a test the resources of each, in turn."""
    def decorate(method):
        def run(self):
            for name in names:
                with self.subTest(name):
                    method(self, ALL[name])
        return run
    return decorate


class KubernetesTest(unittest.TestCase):
    def test_the_models_notice_mistakes(self):
        for fault, spec in (
                ("no such field", {"containers": [], "hostPid": True}),
                ("no list", {"containers": {}}),
                ("and no bool", {"containers": [], "hostPID": "yes"}),
                ("must not be `None`", {"hostPID": True})):
            found = list(faults(spec, "V1PodSpec", "spec"))
            self.assertEqual(len(found), 1, found)
            self.assertIn(fault, found[0])

    @of_each(*ALL)
    def test_is_what_the_api_knows(self, resources):
        for resource in resources:
            found = list(faults_of_model(resource, model_of(resource),
                                         resource["kind"]))
            self.assertEqual(found, [])

    def skip(self, why):
        """For who counts, too (tests/skips.py)."""
        print(f"skipped: {why}", flush=True)
        self.skipTest(why)

    def test_kustomize_makes_the_same(self):
        command = next((command for command in (["kubectl", "kustomize"],
                                                ["kustomize", "build"])
                        if shutil.which(command[0])), None)
        if command is None:
            self.skip("neither kubectl nor kustomize is installed")
        with tempfile.TemporaryDirectory() as folder:
            # Kustomize follows no link out of its folder, as Bazel's are.
            files = shutil.copytree(FOLDER, os.path.join(folder, "files"))
            for name in OVERLAYS:
                result = subprocess.run(
                    [*command, os.path.join(files, "overlays", name)],
                    capture_output=True, text=True, check=False)
                if "must be a file" in result.stderr:
                    self.skip("Kustomize before 2.1: "
                              + result.stderr.splitlines()[0])
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                made = list(yaml.safe_load_all(result.stdout))
                self.assertEqual(sorted_by_name(without_hashes(made)),
                                 sorted_by_name(ALL[name]))

    @of_each(*OVERLAYS)
    def test_the_daemon_takes_its_configuration(self, resources):
        data = of_kind(resources, "ConfigMap")["data"]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(data["wspd.textproto"])
            file.flush()
            subprocess.run([WSPD, "--config", file.name, "--check_config"],
                           check=True)

    @of_each(*OVERLAYS)
    def test_remote_administration_is_off_and_may_be_added(self, resources):
        text = of_kind(resources, "ConfigMap")["data"]["wspd.textproto"]
        self.assertNotIn("remote_admin", text)
        with open(os.path.join(FOLDER, "../container/README.md")) as file:
            added, = re.findall(r"^ *`(remote_admin .*)`$", file.read(),
                                re.MULTILINE)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text + added)
            file.flush()
            subprocess.run([WSPD, "--config", file.name, "--check_config"],
                           check=True)

    @of_each(*ALL)
    def test_nobody_is_root(self, resources):
        pod = pod_of(resources)
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["seccompProfile"],
                         {"type": "RuntimeDefault"})
        for container in containers_of(pod):
            context = container["securityContext"]
            self.assertFalse(context["allowPrivilegeEscalation"])
            self.assertTrue(context["readOnlyRootFilesystem"])
            self.assertEqual(context["capabilities"]["drop"], ["ALL"])
            # But for who gives the node's folder to the daemon.
            if container["name"] == "folder":
                self.assertEqual(context["capabilities"]["add"], ["CHOWN"])
                continue
            self.assertNotIn("add", context["capabilities"])
            self.assertTrue(context.get("runAsNonRoot", True))
            self.assertGreater(context.get(
                "runAsUser", pod["securityContext"].get("runAsUser")), 0)

    @of_each(*OVERLAYS)
    def test_the_daemon_is_who_the_image_says(self, resources):
        pod = pod_of(resources)
        context = {**pod["securityContext"],
                   **container_of(pod, "wspd")["securityContext"]}
        self.assertEqual((context["runAsUser"], context["runAsGroup"]),
                         (DAEMON, DAEMON))

    @of_each(*ALL)
    def test_has_resources(self, resources):
        for container in containers_of(pod_of(resources)):
            self.assertIn("memory", container["resources"]["limits"])
            self.assertEqual(set(container["resources"]["requests"]),
                             {"cpu", "memory"})

    @of_each(*OVERLAYS)
    def test_probes_ask_by_wspctl(self, resources):
        daemon = container_of(pod_of(resources), "wspd")
        for probe in ("startupProbe", "readinessProbe"):
            self.assertEqual(daemon[probe]["exec"]["command"],
                             ["wspctl", "health"])
        self.assertEqual(daemon["livenessProbe"]["exec"]["command"],
                         ["wspctl", "health", "wsp.v1.Admin"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            # wspctl waits for 5 at most.
            self.assertGreater(daemon[probe]["timeoutSeconds"], 5)

    @of_each(*ALL)
    def test_what_is_mounted_is_the_folder(self, resources):
        pod = pod_of(resources)
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for container in containers_of(pod):
            mounts = {mount["mountPath"]: mount
                      for mount in container["volumeMounts"]}
            mount = mounts["/run/wspd"]
            self.assertNotIn("subPath", mount)
            volume = volumes[mount["name"]]
            if "hostPath" in volume:
                self.assertIn(volume["hostPath"]["type"],
                              ("Directory", "DirectoryOrCreate"))
            # Clients only connect there, and don't reach where wspctl asks.
            is_client = container["name"] == "app"
            self.assertEqual(mount.get("readOnly", False), is_client)
            if container["name"] != "wspd":
                self.assertEqual(list(mounts), ["/run/wspd"])

    @of_each(*OVERLAYS)
    def test_prometheus_reaches_the_metrics(self, resources):
        text = of_kind(resources, "ConfigMap")["data"]["wspd.textproto"]
        port = int(re.search(r'metrics \{ address: ".*:(\d+)" \}', text)[1])
        template = next(resource["spec"]["template"] for resource in resources
                        if "template" in resource.get("spec", {}))
        self.assertEqual(
            template["metadata"]["annotations"],
            {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)})
        ports = container_of(template["spec"], "wspd")["ports"]
        self.assertEqual(ports, [{"name": "metrics", "containerPort": port}])
        rule, = of_kind(resources, "NetworkPolicy")["spec"]["ingress"]
        self.assertEqual(rule["ports"], [{"protocol": "TCP", "port": port}])

    @of_each("sidecar", "example")
    def test_clients_may_attach(self, resources):
        context = pod_of(resources)["securityContext"]
        self.assertIn(DAEMON, [context["runAsGroup"],
                               *context.get("supplementalGroups", [])])

    @of_each(*ALL)
    def test_network_policies_are_about_the_pods(self, resources):
        policy = of_kind(resources, "NetworkPolicy")["spec"]
        wanted = policy["podSelector"]["matchLabels"]
        pods = [resource["spec"]["template"]["metadata"]
                for resource in resources
                if "template" in resource.get("spec", {})]
        pods += [resource["metadata"] for resource in resources
                 if resource["kind"] == "Pod"]
        for metadata in pods:
            self.assertLessEqual(wanted.items(), metadata["labels"].items())
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])

    @of_each(*OVERLAYS)
    def test_names_can_be_asked_for(self, resources):
        rules = of_kind(resources, "NetworkPolicy")["spec"]["egress"]
        for port in ({"protocol": "UDP", "port": 53},
                     {"protocol": "TCP", "port": 53}):
            self.assertIn({"namespaceSelector": {"matchLabels": {
                "kubernetes.io/metadata.name": "kube-system"}}},
                [peer for rule in rules if port in rule.get("ports", [])
                 for peer in rule["to"]])

    @of_each(*OVERLAYS)
    def test_all_is_reached_but_what_clouds_tell_their_machines(self,
                                                                resources):
        rules = of_kind(resources, "NetworkPolicy")["spec"]["egress"]
        # Without "to" a rule lets everything pass, the exceptions too.
        self.assertTrue(all(rule.get("to") for rule in rules), rules)
        blocks = {peer["ipBlock"]["cidr"]: peer["ipBlock"].get("except", [])
                  for rule in rules for peer in rule["to"]
                  if "ipBlock" in peer}
        for anywhere, metadata in METADATA.items():
            self.assertIn(anywhere, blocks)
            for network, excepted in blocks.items():
                network = ipaddress.ip_network(network)
                if ipaddress.ip_address(metadata) in network:
                    self.assertTrue(
                        any(ipaddress.ip_address(metadata)
                            in ipaddress.ip_network(one) for one in excepted),
                        f"{network} has {metadata}")

    @of_each(*OVERLAYS)
    def test_selectors_select(self, resources):
        for resource in resources:
            if "template" not in resource.get("spec", {}):
                continue
            labels = resource["spec"]["template"]["metadata"]["labels"]
            wanted = resource["spec"]["selector"]["matchLabels"]
            self.assertLessEqual(wanted.items(), labels.items())

    def test_who_sees_the_clients_processes(self):
        self.assertNotIn("hostPID", pod_of(ALL["daemonset"]))
        self.assertTrue(pod_of(ALL["daemonset_host_pid"])["hostPID"])
        self.assertTrue(pod_of(ALL["sidecar"])["shareProcessNamespace"])

    def test_the_sidecar_is_there_first_and_stays(self):
        daemon, = pod_of(ALL["sidecar"])["initContainers"]
        self.assertEqual((daemon["name"], daemon["restartPolicy"]),
                         ("wspd", "Always"))

    @of_each(*ALL)
    def test_is_of_this_version(self, resources):
        version = subprocess.run([WSPD, "--version"], capture_output=True,
                                 text=True, check=True).stdout.split()[1]
        for container in containers_of(pod_of(resources)):
            if "wspd" in container["image"]:
                self.assertEqual(container["image"].rpartition(":")[2], version)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
