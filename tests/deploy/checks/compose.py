"""Checks compose.yaml, read by Compose's own loader, and nginx.conf."""

import json
import tempfile
from pathlib import Path

from . import image
from .report import DEPLOY, check, command, expect, expect_failure
from .settings import DEFAULTS, seconds

FILE = DEPLOY / "compose" / "compose.yaml"
NGINX = "/usr/sbin/nginx"
NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


def load(file=FILE):
    return json.loads(command("deploy-specs", "compose", file))


def nodes(project):
    return {name: service for name, service in project["services"].items() if name.startswith("wirebell-")}


@check
def valid():
    """the loader accepts compose.yaml, and rejects an unknown attribute"""
    expect(len(nodes(load())) == 2, "compose.yaml does not have two nodes")
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "compose.yaml"
        broken.write_text(FILE.read_text().replace("stop_grace_period:", "stop_grace_time:"))
        expect_failure(load, broken)


@check
def healthy_in_order():
    """every service has a health check, and a service that depends on another waits until that one is healthy"""
    project = load()
    for name, service in project["services"].items():
        expect("test" in service.get("healthcheck", {}), f"{name} has no health check")
        for other, how in service.get("depends_on", {}).items():
            expect(how["condition"] == "service_healthy", f"{name} does not wait for {other}")
    for name, node in nodes(project).items():
        expect(node["build"]["target"] == "probed", f"{name}'s image has no program for its health check")
        expect("redis" in node["depends_on"], f"{name} does not wait for Redis")
    probed = image.instructions_of(image.stages(image.DOCKERFILE.read_text()), "probed")
    expect(probed[-1][-1] == "/usr/local/bin/wget", "no wget in the probed image")


@check
def secrets_are_files():
    """secrets come from files that git ignores, and no secret is in the environment"""
    project = load()
    for name, secret in project["secrets"].items():
        expect("/deploy/compose/secrets/" in secret["file"], f"{name} is not a file of secrets/")
    expect("secrets/" in (FILE.parent / ".gitignore").read_text().splitlines(), "git does not ignore the secrets")
    for name, service in project["services"].items():
        given = {secret["target"] for secret in service.get("secrets") or []}
        for key, value in (service.get("environment") or {}).items():
            if key.upper().endswith("FILE"):
                expect(value in given, f"{name}: {key} names a file that is not mounted")
            else:
                expect(not any(word in key for word in ("PASSWORD", "SECRET", "KEYS", "REDIS")), f"{name}: {key}")


@check
def published_ports():
    """the server API, Prometheus and Grafana are published on loopback only, and Redis not at all"""
    for name, service in load()["services"].items():
        for port in service.get("ports") or []:
            if (name, port["target"]) != ("balancer", 8080):
                expect(port.get("host_ip") == "127.0.0.1", f"{name}:{port['target']} is open to the network")
        expect(name != "redis" or not service.get("ports"), "Redis is published")


@check
def limits_fit():
    """a node has time to drain completely, and a file descriptor for every connection that it accepts"""
    for name, node in nodes(load()).items():
        settings = {**DEFAULTS, **node["environment"]}
        grace = seconds(node["stop_grace_period"])
        expect(grace >= seconds(settings["WIREBELL_DRAIN_DEADLINE"]) + 5, f"{name} is killed during its drain")
        files = node["ulimits"]["nofile"]["soft"]
        expect(files >= int(settings["WIREBELL_CLIENTS_MAX_CONNECTIONS"]) + 1000, f"{name} runs out of descriptors")


@check
def mounts_exist():
    """every mounted file exists"""
    for name, service in load()["services"].items():
        for volume in service.get("volumes") or []:
            if volume["type"] == "bind":
                expect(Path(volume["source"]).exists(), f"{name} mounts {volume['source']}")


def balancer(folder, listen, addresses):
    """Writes nginx.conf for this machine: other addresses, and the module that Debian's nginx does not load itself."""
    conf = (FILE.parent / "nginx.conf").read_text()
    for old, new in {
        "listen 8080;": f"listen 127.0.0.1:{listen};",
        "pid /tmp/nginx.pid;": f"pid {folder}/nginx.pid;",
        **{f"server {name}:8080 ": f"server {address} " for name, address in addresses.items()},
    }.items():
        expect(old in conf, f"nginx.conf no longer has `{old}`")
        conf = conf.replace(old, new)
    file = Path(folder) / "nginx.conf"
    file.write_text(f"load_module {NGINX_STREAM};\ndaemon off;\n{conf}")
    return file


def accepted(file):
    command(NGINX, "-t", "-e", "stderr", "-c", file)


@check
def nginx_accepts_its_file():
    """nginx accepts nginx.conf, and rejects an unknown directive"""
    with tempfile.TemporaryDirectory() as folder:
        file = balancer(folder, 18080, {"wirebell-1": "127.0.0.1:1", "wirebell-2": "127.0.0.1:2"})
        accepted(file)
        file.write_text(file.read_text().replace("least_conn;", "fewest_conn;"))
        expect_failure(accepted, file)


@check
def balancer_knows_the_nodes():
    """the balancer knows every node, and picks the one with the fewest connections"""
    conf = (FILE.parent / "nginx.conf").read_text()
    for name in nodes(load()):
        expect(f"server {name}:8080 " in conf, f"{name} is not in nginx.conf")
    expect("least_conn;" in conf, "nginx.conf does not use least_conn")
