"""Checks the Kubernetes objects: they are valid by Kubernetes' own schemas and consistent with each other."""

import copy
import shutil
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

from .report import DEPLOY, CheckFailure, check, command, expect, expect_failure
from .settings import DEFAULTS, seconds

FOLDER = DEPLOY / "kubernetes"
# The oldest version with every feature in use (preStop `sleep`), and the newest with available schemas.
VERSIONS = ("1.30", "1.37")


def build(folder):
    kustomize = ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    return [each for each in yaml.safe_load_all(command(*kustomize, folder)) if each]


def base():
    return build(FOLDER / "base")


def example():
    """Builds the overlay, with placeholders for the secret files that are not in the repository."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        secrets = Path(folder) / "example" / "secrets"
        secrets.mkdir(exist_ok=True)
        for name in ("redis-url", "services-keys", "auth-public-key.pem"):
            (secrets / name).write_text("x")
        return build(Path(folder) / "example")


def one(objects, kind, name="wirebell"):
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name)]
    expect(len(found) == 1, f"expected one {kind} {name}, found {len(found)}")
    return found[0]


def pod(objects):
    return one(objects, "Deployment")["spec"]["template"]["spec"]


def container(objects):
    return pod(objects)["containers"][0]


def environment(objects):
    """Returns the node's environment: the ConfigMap, then the variables of the container."""
    given = dict(one(objects, "ConfigMap")["data"])
    given.update({each["name"]: value(each) for each in container(objects)["env"]})
    return given


def value(variable):
    """Returns a variable's value. A pod address becomes the address of this machine."""
    if "value" in variable:
        return variable["value"]
    return {"status.podIP": "127.0.0.1"}[variable["valueFrom"]["fieldRef"]["fieldPath"]]


def validate(objects):
    for each in objects:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise CheckFailure(f"{each['kind']} {each['metadata']['name']}: {error.message}") from error


def broken(change):
    """Returns a copy of the base with an error in its Deployment's pods."""
    objects = copy.deepcopy(base())
    change(pod(objects))
    return objects


@check
def valid():
    """base and example are strictly valid for the oldest and newest version"""
    validate(base())
    validate(example())


@check
def invalid():
    """an unknown field, a wrong type and a missing name are rejected"""
    expect_failure(validate, broken(lambda pod: pod.update(terminationGracePeriod=60)))
    expect_failure(validate, broken(lambda pod: pod["containers"][0]["readinessProbe"].update(periodSeconds="often")))
    expect_failure(validate, broken(lambda pod: pod["containers"][0].pop("name")))
    expect_failure(
        validate, broken(lambda pod: pod["containers"][0]["lifecycle"]["preStop"].update(sleep={"second": 5}))
    )


def grace_covers_the_drain(objects):
    settings = {**DEFAULTS, **environment(objects)}
    stop = container(objects)["lifecycle"]["preStop"]["sleep"]["seconds"]
    deadline = seconds(settings["WIREBELL_DRAIN_DEADLINE"])
    grace = pod(objects)["terminationGracePeriodSeconds"]
    expect(grace >= stop + deadline, f"{grace} s of grace for {stop} s of preStop and {deadline} s of drain")
    notified = seconds(settings["WIREBELL_DRAIN_NOTICE"]) + seconds(settings["WIREBELL_DRAIN_WINDOW"])
    expect(notified <= deadline, "drain.deadline is before the last client's reconnect notice")
    probe = container(objects)["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"]
    expect(
        noticed <= stop + seconds(settings["WIREBELL_DRAIN_NOTICE"]),
        "clients are asked to reconnect before the balancer drops the node",
    )


@check
def grace():
    """the grace period covers preStop and drain.deadline, and a shorter one is found"""
    grace_covers_the_drain(base())
    grace_covers_the_drain(example())
    expect_failure(grace_covers_the_drain, broken(lambda pod: pod.update(terminationGracePeriodSeconds=49)))


def picks_the_nodes(objects):
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = {f"{each['kind']} {each['metadata']['name']}": each["spec"] for each in objects if "spec" in each}
    for name, spec in selectors.items():
        if name.startswith("HorizontalPodAutoscaler"):
            continue
        found = spec.get("selector", spec.get("podSelector")) or {}
        wanted = found.get("matchLabels", found)
        expect(wanted, f"{name} has no selector")
        expect(wanted.items() <= labels.items(), f"{name} does not select the nodes: {wanted}")
    for each in pod(objects)["topologySpreadConstraints"]:
        expect(
            each["labelSelector"]["matchLabels"].items() <= labels.items(),
            "a spread constraint selects other pods than the nodes",
        )


@check
def selectors():
    """Services, policy, budget and spread select the nodes and no other pods"""
    for objects in (base(), example()):
        picks_the_nodes(objects)
    objects = base()
    one(objects, "NetworkPolicy")["spec"]["podSelector"] = {}
    expect_failure(picks_the_nodes, objects)


def server_api_is_internal(objects):
    for name, service in ((s, one(objects, "Service", s)["spec"]) for s in ("wirebell-clients", "wirebell-services")):
        ports = [port["targetPort"] for port in service["ports"]]
        expect(ports == [name.removeprefix("wirebell-")], f"{name} leads to {ports}")
    expect(one(objects, "Service", "wirebell-services")["spec"]["type"] == "ClusterIP", "reachable from outside")
    for rule in one(objects, "NetworkPolicy")["spec"]["ingress"]:
        if any(port["port"] != "clients" for port in rule.get("ports", [{"port": "every"}])):
            expect(rule.get("from"), "every pod reaches the server API")
            for peer in rule["from"]:
                chosen = peer.get("podSelector", {}).get("matchLabels", {})
                # kustomize's includeSelectors would add this label; then only the nodes themselves could publish.
                expect(chosen and "app.kubernetes.io/component" not in chosen, f"wrong peer: {peer}")


@check
def server_api():
    """the server API is reachable inside the cluster only, from named peers only"""
    server_api_is_internal(base())
    server_api_is_internal(example())
    objects = base()
    del one(objects, "NetworkPolicy")["spec"]["ingress"][1]["from"]
    expect_failure(server_api_is_internal, objects)


@check
def restricted():
    """the pods meet the restricted standard, and have no token and no Service variables"""
    for objects in (base(), example()):
        spec, own = pod(objects), container(objects)
        expect(
            spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0,
            "the pods may run as root",
        )
        expect(spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, "no seccomp profile")
        expect(own["securityContext"]["capabilities"] == {"drop": ["ALL"]}, "the container keeps capabilities")
        expect(own["securityContext"]["allowPrivilegeEscalation"] is False, "the container may gain privileges")
        expect(own["securityContext"]["readOnlyRootFilesystem"], "the container may write to its image")
        account = one(objects, "ServiceAccount")
        expect(account["automountServiceAccountToken"] is False, "the account's token is mounted")
        expect(spec["automountServiceAccountToken"] is False, "the pod mounts a token")
        expect(spec["enableServiceLinks"] is False, "the Services' variables look like settings")


def nodes_ask_each_other(objects):
    expect(
        environment(objects).get("WIREBELL_SERVICES_ADVERTISE") == "127.0.0.1",
        "WIREBELL_SERVICES_ADVERTISE is not the pod's address",
    )
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    (rule,) = (each for each in one(objects, "NetworkPolicy")["spec"]["ingress"] if each.get("from"))
    # Without a namespaceSelector a peer is in the nodes' own namespace.
    own = [peer["podSelector"]["matchLabels"] for peer in rule["from"] if set(peer) == {"podSelector"}]
    expect(any(chosen.items() <= labels.items() for chosen in own), "the policy keeps nodes from reaching each other")


@check
def peers():
    """nodes advertise their addresses and can reach each other"""
    nodes_ask_each_other(base())
    nodes_ask_each_other(example())
    objects = base()
    one(objects, "NetworkPolicy")["spec"]["ingress"][1]["from"].pop()
    expect_failure(nodes_ask_each_other, objects)


@check
def probes():
    """liveness uses /livez and readiness /readyz, on the server API"""
    own = container(base())
    for kind, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        expect(own[kind]["httpGet"] == {"path": path, "port": "services"}, f"{kind}: {own[kind]['httpGet']}")


@check
def rollout():
    """a rollout stops no node before its successor is ready, and only one node is evicted at a time"""
    spec = one(base(), "Deployment")["spec"]
    expect(
        spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1},
        "a rollout does not replace nodes one by one",
    )
    expect("replicas" not in spec, "`replicas` conflicts with the autoscaler")
    expect(one(base(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1, "several nodes may be evicted at once")
    expect(
        one(base(), "HorizontalPodAutoscaler")["spec"]["minReplicas"] >= 2,
        "minReplicas is below 2, so the only node could not be drained",
    )


@check
def secrets():
    """secrets are files mounted from a Secret, and the manifests contain no secret values"""
    for objects in (base(), example()):
        volume = pod(objects)["volumes"][0]["secret"]
        files = {"/etc/wirebell/secrets/" + item["path"] for item in volume["items"]}
        named = {value for key, value in environment(objects).items() if key.endswith("_FILE")}
        expect(named == files, f"{named} are read and {files} are mounted")
    expect(not any(each["kind"] == "Secret" for each in base()), "the base has a Secret")
    secret = one(example(), "Secret")
    expect(set(secret["data"]) == {item["key"] for item in volume["items"]}, "the Secret lacks a key")
    expect(
        pod(example())["volumes"][0]["secret"]["secretName"] == secret["metadata"]["name"],
        "the pods mount another Secret",
    )
    expect(
        "secrets/" in (FOLDER / "example" / ".gitignore").read_text().splitlines(), "git does not ignore the secrets"
    )
