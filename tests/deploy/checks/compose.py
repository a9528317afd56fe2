"""compose.yaml, read by Compose's own loader."""

import json
import tempfile
from pathlib import Path

from . import image
from .report import DEPLOY, check, command, expect, refused
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
    """the loader accepts it, and refuses an attribute that does not exist"""
    expect(len(nodes(load())) == 2, "not two nodes")
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "compose.yaml"
        broken.write_text(FILE.read_text().replace("stop_grace_period:", "stop_grace_time:"))
        refused(load, broken)


@check
def healthy_in_order():
    """every service has a health check, and whoever needs another waits until it is healthy"""
    project = load()
    for name, service in project["services"].items():
        expect("test" in service.get("healthcheck", {}), f"{name} has no health check")
        for other, how in service.get("depends_on", {}).items():
            expect(how["condition"] == "service_healthy", f"{name} does not wait for {other}")
    for name, node in nodes(project).items():
        expect(node["build"]["target"] == "probed", f"{name}'s image has nothing to run its health check with")
        expect("redis" in node["depends_on"], f"{name} does not wait for Redis")
    probed = image.final(image.stages(image.DOCKERFILE.read_text()), "probed")
    expect(probed[-1][-1] == "/usr/local/bin/wget", "no wget in the probed image")


@check
def secrets_are_files():
    """secrets come from files that git ignores, and none stands in the environment"""
    project = load()
    for name, secret in project["secrets"].items():
        expect("/deploy/compose/secrets/" in secret["file"], f"{name} is not a file of secrets/")
    expect("secrets/" in (FILE.parent / ".gitignore").read_text().splitlines(), "git would take the secrets")
    for name, service in project["services"].items():
        given = {secret["target"] for secret in service.get("secrets") or []}
        for key, value in (service.get("environment") or {}).items():
            if key.upper().endswith("FILE"):
                expect(value in given, f"{name}: {key} names a file that is not mounted")
            else:
                expect(not any(word in key for word in ("PASSWORD", "SECRET", "KEYS", "REDIS")), f"{name}: {key}")


@check
def doors():
    """the services' door, Prometheus and Grafana are published on loopback only, and Redis not at all"""
    for name, service in load()["services"].items():
        for port in service.get("ports") or []:
            if (name, port["target"]) != ("balancer", 8080):
                expect(port.get("host_ip") == "127.0.0.1", f"{name}:{port['target']} is open to the network")
        expect(name != "redis" or not service.get("ports"), "Redis is published")


@check
def numbers_fit():
    """a node may drain to the end, and open a file for every connection that it accepts"""
    for name, node in nodes(load()).items():
        settings = {**DEFAULTS, **node["environment"]}
        grace = seconds(node["stop_grace_period"])
        expect(grace >= seconds(settings["WIREBELL_DRAIN_DEADLINE"]) + 5, f"{name} is killed during its drain")
        files = node["ulimits"]["nofile"]["soft"]
        expect(files >= int(settings["WIREBELL_CLIENTS_MAX_CONNECTIONS"]) + 1000, f"{name} runs out of descriptors")


@check
def mounts_exist():
    """every file that is mounted exists"""
    for name, service in load()["services"].items():
        for volume in service.get("volumes") or []:
            if volume["type"] == "bind":
                expect(Path(volume["source"]).exists(), f"{name} mounts {volume['source']}")


def balancer(folder, listen, addresses):
    """nginx.conf for this machine: other addresses, and the module that Debian's nginx must be told to load."""
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
def balancer_accepts_its_file():
    """nginx accepts nginx.conf, and refuses a word that it does not know"""
    with tempfile.TemporaryDirectory() as folder:
        file = balancer(folder, 18080, {"wirebell-1": "127.0.0.1:1", "wirebell-2": "127.0.0.1:2"})
        accepted(file)
        file.write_text(file.read_text().replace("least_conn;", "fewest_conn;"))
        refused(accepted, file)


@check
def balancer_knows_the_nodes():
    """the balancer passes on to each node, to the one with the fewest connections"""
    conf = (FILE.parent / "nginx.conf").read_text()
    for name in nodes(load()):
        expect(f"server {name}:8080 " in conf, f"{name} is not in nginx.conf")
    expect("least_conn;" in conf, "not least_conn")
